"""The export as Kili writes it: assets, their labels, the labels' authors.

TypedDicts rather than models: they are measured to validate twice as fast and keep a record's own keys. Kili adds keys
in every release, so each of these takes and keeps keys it does not name; answers (jsonResponse) are free JSON here and
are taken apart in `answers`. Formats: Kili's documentation, "Exported data format"; the fields of the API's types.
"""

import io
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Required, cast

import orjson
import pydantic
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from pipelines.kili import canonical_json, repeated_keys, signed_urls
from pipelines.landing import json_records

LABEL_CONTAINERS: Final = ("labels", "latestLabel", "latestLabels")
_OUTSIDE_YEARS: Final = "outside the years 1 to 9999 in UTC"
_REPEATED_KEY: Final = "repeated_key"
_SAID: Final = {"missing": "missing", "string_too_short": "empty", "year_out_of_range": _OUTSIDE_YEARS}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)
_LEAST_MILLISECONDS: Final = 1e11
_ISO_8601: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ]|\Z)")
_RAW_LIMIT: Final = 1 << 20
_NO_NUMBER: Final = "NaN or Infinity is not a JSON number"

_ASSET_TEXTS: Final = ("id", "projectId", "externalId", "content", "status")
_LABEL_TEXTS: Final = ("id", "assetId", "labelType", "modelName")
_TEXTS_UNDER: Final = {
    "author": ("id", "email", "name"),
    "labelOf": _ASSET_TEXTS,
    **dict.fromkeys(LABEL_CONTAINERS, _LABEL_TEXTS),
}

_CONFIG = ConfigDict(extra="allow", allow_inf_nan=False, hide_input_in_errors=True, coerce_numbers_to_str=True)


def _parsed(value: object) -> object:
    """JSON that an API dump holds in a string. A blank string is an empty answer, as in Kili's own client."""
    if not isinstance(value, str):
        return value
    if not value.strip():
        return {}
    try:
        return _opened(value)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"holds a text that cannot be read: {_fault(value.encode(), error)}") from None


def _parsed_container(value: object) -> object:
    """The same for metadata, which may be a text; one that holds no object or list stays one."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return _opened(value)
        except orjson.JSONDecodeError:
            return value
    return value


def _opened(text: str) -> object:
    value, raw = orjson.loads(text), text.encode()
    if repeated := repeated_keys.find(raw, canonical_json.dumps(value)):
        key, pointer = repeated
        raise PydanticCustomError(_REPEATED_KEY, "repeats a key", {"key": key, "pointer": pointer})
    return value


def _instant_or_text(value: object) -> datetime | str:
    """What a date field holds: epoch milliseconds as an instant, or a text that begins as a date of ISO 8601."""
    if isinstance(value, str) and _ISO_8601.match(value):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= _LEAST_MILLISECONDS:
        try:
            return _EPOCH + timedelta(milliseconds=value)
        except OverflowError:
            raise _outside_years() from None
    raise ValueError(
        "should be an ISO 8601 date-time, such as 2026-01-31T12:00:00Z, or epoch milliseconds from 1e11 on"
    )


def _within_years(instant: datetime) -> datetime:
    if not _FIRST <= (instant if instant.tzinfo else instant.replace(tzinfo=UTC)) <= _LAST:
        raise _outside_years()
    return instant


def _outside_years() -> PydanticCustomError:
    return PydanticCustomError("year_out_of_range", _OUTSIDE_YEARS)


def _as_exported(value: object, read: ValidatorFunctionWrapHandler) -> object:
    """A value that is only checked: it stays as the export writes it."""
    read(value)
    return value


Instant = Annotated[datetime, BeforeValidator(_instant_or_text), AfterValidator(_within_years)]
JsonObject = Annotated[dict[str, Any], BeforeValidator(_parsed)]


class Author(TypedDict, total=False):
    """Who made a label."""

    __pydantic_config__ = _CONFIG  # type: ignore[misc]

    id: str | None
    email: str | None
    name: str | None


class Label(TypedDict, total=False):
    """What one author said of one asset at one time."""

    __pydantic_config__ = _CONFIG  # type: ignore[misc]

    id: str | None
    author: Author | None
    createdAt: Required[Instant]
    updatedAt: Annotated[Instant | None, WrapValidator(_as_exported)]
    labelType: Required[str]
    jsonResponse: JsonObject | None
    modelName: str | None
    skipped: bool | None
    isSentBackToQueue: bool | None
    isLatestLabelForUser: bool | None
    isHoneypot: bool | None
    consensusMark: float | None
    honeypotMark: float | None
    inferenceMark: float | None
    reviewScore: float | None
    secondsToLabel: float | None
    totalSecondsToLabel: float | None


class Asset(TypedDict, total=False):
    """A thing to label, with its labels under one of three keys (by type of export)."""

    __pydantic_config__ = _CONFIG  # type: ignore[misc]

    id: Required[Annotated[str, Field(min_length=1)]]
    projectId: str | None
    externalId: str | None
    content: str | None
    status: str | None
    jsonMetadata: Annotated[Any, BeforeValidator(_parsed_container)]
    isHoneypot: bool | None
    honeypotMark: float | None
    isUsedForConsensus: bool | None
    consensusMark: float | None
    inferenceMark: float | None
    skipped: bool | None
    totalSecondsToLabel: float | None
    createdAt: Instant | None
    updatedAt: Instant | None
    labels: list[Label] | None
    latestLabel: Label | None
    latestLabels: list[Label | None] | None


_ASSET: Final = pydantic.TypeAdapter(Asset)
_LABEL: Final = pydantic.TypeAdapter(Label)
_INSTANT: Final = pydantic.TypeAdapter(Instant)


class BrokenRecord(ValueError):
    """A record that cannot be read; says why in words, whose it is if that much is told, and its number of labels."""

    def __init__(self, reason: str, record: Any = None, label_count: int = 0) -> None:
        super().__init__(reason)
        self.asset_id = _text_of(record, "id")
        self.external_id = _text_of(record, "externalId")
        self.label_count = label_count


@dataclass(frozen=True)
class BrokenLabel:
    """A label that was left out of its asset: its place in the asset, what is wrong, its own text."""

    location: str
    reason: str
    raw: str


def read_asset(raw: bytes, *, is_label: bool = False, location: str = "") -> tuple[Asset, list[BrokenLabel]]:
    """One asset's text, validated once; labels that cannot be read are set apart, the rest stays.

    `is_label`: the record is a label that names its asset, as in dumps of `kili.labels`. `location`: the record's JSON
    pointer, for reasons that name a place inside it. Raises `BrokenRecord` where the asset itself cannot be read.
    """
    whole, keys = (_asset_of, _LABEL_TEXTS) if is_label else (_unchanged, _ASSET_TEXTS)
    broken: list[BrokenLabel] = []
    try:
        asset: Asset = _ASSET.validate_python(whole(_strict(raw, keys, location)))
    except (BrokenRecord, pydantic.ValidationError):
        asset, broken = _salvaged_label(raw, location) if is_label else _salvaged(raw, location)
    return (signed_urls.unsigned(asset) if signed_urls.may_be_signed(raw) else asset), broken


def shell(raw: bytes) -> tuple[bytes, list[tuple[str, bytes]]]:
    """An asset's text with null for each of its labels, and their places (JSON pointers) and texts.

    Labels are found by their brackets alone, so what is broken inside one is lost with that one only. A place comes
    more than once where its key does.
    """
    pieces, labels, end = [], [], 0
    try:
        for key, (begin, close) in json_records.members(raw):
            name = _lenient(b'"%b"' % key)
            if name not in LABEL_CONTAINERS:
                continue
            found = json_records.records(io.BytesIO(raw[begin:close]))
            if found.is_list == (name == "latestLabel"):
                continue
            for position, (first, last) in enumerate(found.spans):
                text = raw[begin + first : begin + last]
                if text == b"null" and name == "latestLabels":
                    continue
                labels.append((f"/{name}/{position}" if found.is_list else f"/{name}", text))
                pieces += [raw[end : begin + first], b"null"]
                end = begin + last
    except json_records.NotJson:
        return raw, []
    return b"".join([*pieces, raw[end:]]), labels


def labels_of(asset: Asset) -> list[Label]:
    """The labels of an asset, whichever key holds them."""
    return [label for labels in label_lists(asset) for label in labels]


def label_lists(asset: Asset) -> list[list[Label]]:
    """The labels under each key that holds any, in a fixed order of the keys."""
    latest = asset.get("latestLabel")
    several = [label for label in asset.get("latestLabels") or [] if label is not None]
    lists = [asset.get("labels") or [], several, [] if latest is None else [latest]]
    return [labels for labels in lists if labels]


def instant(value: object) -> datetime:
    """The instant that a date field of a record that was read holds."""
    return value if isinstance(value, datetime) else _INSTANT.validate_python(value)


def number_as_text(value: object) -> object:
    """A number as a text; any other value, also true or false, as it is."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _unchanged(record: Any) -> Any:
    return record


def _asset_of(label: Any) -> Any:
    """The asset that a label names, with that one label."""
    if not isinstance(label, dict):
        return label
    named = label.get("labelOf")
    asset = named if isinstance(named, dict) else {}
    asset_id = number_as_text(label.get("assetId")) or number_as_text(asset.get("id"))
    rest = {key: value for key, value in label.items() if key not in ("labelOf", "assetId")}
    return {**_without_labels(asset), "id": asset_id, "labels": [rest]}


def _without_labels(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in LABEL_CONTAINERS}


def _salvaged_label(raw: bytes, location: str) -> tuple[Asset, list[BrokenLabel]]:
    """The asset that a broken label names, without the label."""
    try:
        record = _asset_of(_strict(raw, _LABEL_TEXTS, location))
        if not isinstance(record, dict):
            raise BrokenRecord(f"a label is a JSON object, this is {_kind(record)}")
        if not record["id"]:
            raise BrokenRecord("the label does not name its asset: assetId or labelOf.id is missing")
        asset = _valid(_ASSET, _without_labels(record), location)
    except BrokenRecord as error:
        raise BrokenRecord(str(error), _asset_of(_lenient(raw)), label_count=1) from None
    try:
        return cast(Asset, asset | {"labels": [_valid(_LABEL, record["labels"][0], location)]}), []
    except BrokenRecord as error:
        return asset, [BrokenLabel("", str(error), text_of(raw))]


def _salvaged(raw: bytes, location: str) -> tuple[Asset, list[BrokenLabel]]:
    """The asset without the labels that cannot be read."""
    outside, texts = shell(raw)
    record: Any = None
    try:
        record = _strict(outside, _ASSET_TEXTS, location)
        if not isinstance(record, dict):
            raise BrokenRecord(f"an asset is a JSON object, this is {_kind(record)}")
        asset = _valid(_ASSET, _without_labels(record), location)
        listed = list(_listed_labels(record, dict(texts)))
    except BrokenRecord as error:
        named = record or _lenient(outside)
        raise BrokenRecord(str(error), named, _label_count(named, texts)) from None
    broken: list[BrokenLabel] = []
    labels: dict[str, list[Label]] = {}
    for place, text in listed:
        try:
            label = _valid(_LABEL, _strict(text, _LABEL_TEXTS, location + place), location + place)
            labels.setdefault(place.split("/")[1], []).append(label)
        except BrokenRecord as error:
            broken.append(BrokenLabel(place, str(error), text_of(text)))
    found: dict[str, Any] = {**labels}
    if "latestLabel" in found:
        found["latestLabel"] = found["latestLabel"][0]
    return cast(Asset, asset | found), broken


def _listed_labels(record: Mapping[str, Any], texts: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """The labels of an asset whose labels' own texts are told apart, each with its place."""
    if "/latestLabel" in texts or record.get("latestLabel") is not None:
        yield "/latestLabel", texts.get("/latestLabel") or canonical_json.dumps(record["latestLabel"])
    for key in ("labels", "latestLabels"):
        labels = record.get(key) or []
        if not isinstance(labels, list):
            raise BrokenRecord(f"{key} should be a list, found {_kind(labels)}")
        for position, label in enumerate(labels):
            place = f"/{key}/{position}"
            text = texts.get(place) or canonical_json.dumps(label)
            if not (text == b"null" and key == "latestLabels"):
                yield place, text


def _label_count(record: Any, texts: list[tuple[str, bytes]]) -> int:
    """How many labels an asset has, in every repeated list, and under `latestLabel` also what is no object."""
    is_odd = isinstance(record, dict) and record.get("latestLabel") is not None
    return len(texts) + is_odd


def _valid(adapter: pydantic.TypeAdapter[Any], value: object, location: str) -> Any:
    try:
        return adapter.validate_python(value)
    except pydantic.ValidationError as error:
        raise BrokenRecord("; ".join(_reason(detail, location) for detail in error.errors(include_url=False))) from None


def _strict(text: bytes, keys: tuple[str, ...], location: str) -> Any:
    """A record's JSON; texts are expected under these keys. Raises `BrokenRecord` if it is none or repeats a key."""
    try:
        record = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BrokenRecord(_fault(text, error)) from None
    if repeated := repeated_keys.find(text, canonical_json.dumps(record)):
        raise BrokenRecord(_repeated(*repeated, location))
    return _with_digits(record, text, keys)


def _repeated(key: str, pointer: str, location: str) -> str:
    return f"the key {key} is given more than once in one object, at {location}{pointer}"


def _with_digits(record: Any, text: bytes, keys: tuple[str, ...]) -> Any:
    """A parsed record in which fractions and integers beyond 64 bits, where texts are expected, are as written."""
    if any(type(part[key]) is float for part, key in _texts(record, keys)):
        with suppress(RecursionError):
            written = json.loads(text, parse_float=str, parse_int=str)
            for (part, key), (same, _) in zip(_texts(record, keys), _texts(written, keys), strict=True):
                part[key] = same[key] if type(part[key]) is float else part[key]
    return record


def _texts(record: Any, keys: tuple[str, ...]) -> list[tuple[dict[str, Any], str]]:
    """Where texts are expected in a record and in the labels, authors and assets inside it: object and key."""
    texts: list[tuple[dict[str, Any], str]] = []
    waiting = [(record, keys)]
    for part, its_keys in waiting:
        if isinstance(part, list):
            waiting += [(one, its_keys) for one in part]
        elif isinstance(part, dict):
            waiting += [(part[key], _TEXTS_UNDER[key]) for key in _TEXTS_UNDER if key in part]
            texts += [(part, key) for key in its_keys if key in part]
    return texts


def _lenient(text: bytes) -> Any:
    """JSON with NaN and half surrogates, where only the names of a broken record are asked for; null if it is none."""
    try:
        return json.loads(text.decode(), parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None


def _fault(text: bytes, error: orjson.JSONDecodeError) -> str:
    """What the strict parser stumbled over, in words; never the text itself, which may be personal."""
    if "depth limit" in str(error):
        return "nested too deeply to be read: more than 1,024 brackets in one another"
    try:
        json.loads(text.decode(), parse_constant=_no_number)
    except UnicodeDecodeError as fault:
        return f"not UTF-8 text: byte {fault.start} of the record"
    except RecursionError:
        return "nested too deeply to be read"
    except ValueError as fault:
        return str(fault) if str(fault) == _NO_NUMBER else f"not JSON: {fault}"
    if "infinity" in str(error):
        return "a number is too large: beyond 1.8e308"
    return "a text holds half of a surrogate pair (\\ud800 to \\udfff alone), which is not Unicode"


def _no_number(_: str) -> None:
    raise ValueError(_NO_NUMBER)


def text_of(raw: bytes) -> str:
    """A record's own text, as far as it is kept."""
    return raw[:_RAW_LIMIT].decode("utf-8", "backslashreplace")[:_RAW_LIMIT]


def _reason(detail: Any, location: str) -> str:
    """What pydantic found, in a sentence with the place; never the value, which may be personal."""
    place = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == _REPEATED_KEY:
        return _repeated(**detail["ctx"], location="/".join([location, *map(str, detail["loc"])]))
    if detail["type"] in _SAID:
        return f"{place} is {_SAID[detail['type']]}"
    wanted = (
        detail["msg"]
        .removeprefix("Value error, ")
        .replace("Input should", "should")
        .replace("valid dictionary", "JSON object")
    )
    return f"{place or 'the record'} {wanted}, found {_kind(detail.get('input'))}"


def _text_of(record: Any, key: str) -> str | None:
    value = number_as_text(record.get(key)) if isinstance(record, dict) else None
    return value if isinstance(value, str) and value.isprintable() else None


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
