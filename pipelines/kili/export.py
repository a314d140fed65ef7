"""The export as Kili writes it: assets, their labels, the labels' authors.

TypedDicts rather than models: they are measured to validate twice as fast and keep a record's own keys. Kili adds keys
in every release, so each of these takes and keeps keys it does not name; answers (jsonResponse) are free JSON here and
are taken apart in `answers`. Formats: Kili's documentation, "Exported data format"; the fields of the API's types.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Required, cast

import orjson
import pydantic
from pydantic import BeforeValidator, ConfigDict, Field
from typing_extensions import TypedDict

from pipelines.kili import urls

LABEL_CONTAINERS: Final = ("labels", "latestLabel", "latestLabels")

_CONFIG = ConfigDict(extra="allow", allow_inf_nan=False, hide_input_in_errors=True)


def _parsed(value: object) -> object:
    """JSON that an API dump holds in a string."""
    return orjson.loads(value) if isinstance(value, str) else value


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
    createdAt: Required[datetime]
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
    jsonMetadata: Any
    isHoneypot: bool | None
    honeypotMark: float | None
    isUsedForConsensus: bool | None
    consensusMark: float | None
    inferenceMark: float | None
    skipped: bool | None
    totalSecondsToLabel: float | None
    createdAt: datetime | None
    updatedAt: datetime | None
    labels: list[Label] | None
    latestLabel: Label | None
    latestLabels: list[Label | None] | None


_ASSET: Final = pydantic.TypeAdapter(Asset)
_LABEL: Final = pydantic.TypeAdapter(Label)


class BrokenRecord(ValueError):
    """A record that the models refuse; says what is wrong in words, and how many labels are lost with it."""

    def __init__(self, reason: str, record: Any = None) -> None:
        super().__init__(reason)
        self.asset_id = _text_of(record, "id")
        self.external_id = _text_of(record, "externalId")
        self.label_count = _label_count(record)


@dataclass(frozen=True)
class BrokenLabel:
    """A label that was left out of its asset: its place in the asset, what is wrong, its own text."""

    location: str
    reason: str
    raw: str


def read_asset(raw: bytes, *, is_label: bool = False) -> tuple[Asset, list[BrokenLabel]]:
    """One asset's text, validated once; labels that break the models are set apart, the rest stays.

    `is_label`: the record is a label that names its asset, as in dumps of `kili.labels`. Raises `BrokenRecord` where
    the asset itself cannot be read.
    """
    whole = _asset_of if is_label else _unchanged
    try:
        record = orjson.loads(raw)
        record = urls.unsigned(record) if urls.may_be_signed(raw) else record
        return _ASSET.validate_python(whole(record)), []
    except (orjson.JSONDecodeError, pydantic.ValidationError):
        record = whole(_loads(raw))
    try:
        return _salvage(urls.unsigned(record))
    except BrokenRecord as error:
        raise BrokenRecord(str(error), record) from None


def labels_of(asset: Asset) -> list[Label]:
    """The labels of an asset, whichever key holds them."""
    latest = asset.get("latestLabel")
    several = (asset.get("labels") or []) + [label for label in asset.get("latestLabels") or [] if label is not None]
    return [*several, latest] if latest is not None else several


def _unchanged(record: Any) -> Any:
    return record


def _asset_of(label: Any) -> Any:
    """The asset that a label names, with that one label."""
    if not isinstance(label, dict):
        return label
    named = label.get("labelOf")
    asset = named if isinstance(named, dict) else {}
    asset_id = label.get("assetId") or asset.get("id")
    rest = {key: value for key, value in label.items() if key not in ("labelOf", "assetId")}
    return {**asset, "id": asset_id, "labels": [rest]}


def _salvage(record: object) -> tuple[Asset, list[BrokenLabel]]:
    """The asset without the labels that break the models."""
    if not isinstance(record, dict):
        raise BrokenRecord(f"an asset is a JSON object, this is {_kind(record)}")
    asset = _valid(_ASSET, {key: value for key, value in record.items() if key not in LABEL_CONTAINERS})
    labels: list[Label] = []
    broken: list[BrokenLabel] = []
    for location, label in _listed_labels(record):
        try:
            labels.append(_valid(_LABEL, label))
        except BrokenRecord as error:
            broken.append(BrokenLabel(location, str(error), json.dumps(label)))
    return cast(Asset, asset | {"labels": labels}), broken


def _listed_labels(record: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    if record.get("latestLabel") is not None:
        yield "/latestLabel", record["latestLabel"]
    for key in ("labels", "latestLabels"):
        labels = record.get(key) or []
        if not isinstance(labels, list):
            raise BrokenRecord(f"{key} should be a list, found {_kind(labels)}")
        is_gappy = key == "latestLabels"
        yield from ((f"/{key}/{i}", label) for i, label in enumerate(labels) if not (is_gappy and label is None))


def _valid(adapter: pydantic.TypeAdapter[Any], value: object) -> Any:
    try:
        return adapter.validate_python(orjson.loads(json.dumps(value, allow_nan=False)))
    except pydantic.ValidationError as error:
        raise BrokenRecord("; ".join(_reason(detail) for detail in error.errors(include_url=False))) from None
    except ValueError as error:
        raise BrokenRecord(_text_fault(error)) from None


def _reason(detail: Any) -> str:
    """What pydantic found, in a sentence with the place; never the value, which may be personal."""
    place = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "missing":
        return f"{place} is missing"
    wanted = detail["msg"].replace("Input should", "should").replace("valid dictionary", "JSON object")
    return f"{place or 'the record'} {wanted}, found {_kind(detail.get('input'))}"


def _text_of(record: Any, key: str) -> str | None:
    value = record.get(key) if isinstance(record, dict) else None
    return value if isinstance(value, str) and value.isprintable() else None


def _label_count(record: Any) -> int:
    try:
        return sum(1 for _ in _listed_labels(record)) if isinstance(record, dict) else 0
    except BrokenRecord:
        return 0


def _text_fault(error: ValueError) -> str:
    if "Out of range" in str(error):
        return "NaN or Infinity is not a JSON number"
    if "surrogate" in str(error) or "hex escape" in str(error):
        return "a text holds half of a surrogate pair (\\ud800 to \\udfff alone), which is not Unicode"
    return str(error)


def _loads(raw: bytes) -> object:
    """JSON by the lenient parser, which reads NaN and lone surrogates so that only their label is lost."""
    try:
        return json.loads(raw)
    except UnicodeDecodeError as error:
        raise BrokenRecord(f"not UTF-8 text: byte {error.start} of the record") from None
    except RecursionError:
        raise BrokenRecord("nested too deeply to be read") from None
    except ValueError as error:
        raise BrokenRecord(f"not JSON: {error}") from None


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
