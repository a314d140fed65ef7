"""The vendor's models: assets, labels and authors as Kili exports them.

Keys with a column, and their types, come from `records`. TypedDicts validate twice as fast as models (measured) and
keep a record's keys. Kili adds keys in every release, so the models accept and keep unknown keys. Answers
(jsonResponse) are free JSON here; `annotations.answers` reads them. Sources: Kili's documentation, "Exported data
format", and the fields of the types of Kili's API.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import GenericAlias
from typing import Annotated, Any, Final, Required

import orjson
import pydantic
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from pipelines.kili import canonical_json, faults, records, repeated_keys
from pipelines.loading.tables import JSON, Column

Asset = dict[str, Any]
"""An asset, with its labels under one of three keys that depends on the type of export; validated by `ASSET`."""
Label = dict[str, Any]
"""One author's answer to one asset at one time; validated by `LABEL`."""

LABEL_CONTAINERS: Final = ("labels", "latestLabel", "latestLabels")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)
_MIN_MILLISECONDS: Final = 1e11
_ISO_8601: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ]|\Z)")


def _parse_object(value: object) -> object:
    """Returns an answer that an API dump holds as a JSON string. As in Kili's client, a blank string is empty."""
    if not isinstance(value, str):
        return value
    if not value.strip():
        return {}
    try:
        return _parse(value)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"holds a text that cannot be read: {faults.json_fault(value.encode(), error)}") from None


def _parse_container(value: object) -> object:
    """Returns metadata that a dump holds as a JSON string. A text that is no JSON object or list stays a text."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return _parse(value)
        except orjson.JSONDecodeError:
            return value
    return value


def _parse(text: str) -> object:
    value, raw = orjson.loads(text), text.encode()
    if repeated := repeated_keys.find(raw, canonical_json.dumps(value)):
        key, pointer = repeated
        raise PydanticCustomError(faults.REPEATED_KEY, "repeats a key", {"key": key, "pointer": pointer})
    return value


def _instant_or_text(value: object) -> datetime | str:
    """Returns a date field's epoch milliseconds as a datetime, or its text if that begins with an ISO 8601 date."""
    if isinstance(value, str) and _ISO_8601.match(value):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= _MIN_MILLISECONDS:
        try:
            return _EPOCH + timedelta(milliseconds=value)
        except OverflowError:
            raise _year_error() from None
    raise ValueError(
        "should be an ISO 8601 date-time, such as 2026-01-31T12:00:00Z, or epoch milliseconds from 1e11 on"
    )


def _check_years(instant: datetime) -> datetime:
    if not _FIRST <= (instant if instant.tzinfo else instant.replace(tzinfo=UTC)) <= _LAST:
        raise _year_error()
    return instant


def _year_error() -> PydanticCustomError:
    return PydanticCustomError("year_out_of_range", faults.OUTSIDE_YEARS)


def _as_exported(value: object, read: ValidatorFunctionWrapHandler) -> object:
    """Returns a value unchanged after it was validated."""
    read(value)
    return value


Instant = Annotated[datetime, BeforeValidator(_instant_or_text), AfterValidator(_check_years)]
JsonObject = Annotated[dict[str, Any], BeforeValidator(_parse_object)]

_TYPES: Final[Mapping[type | str, Any]] = {
    str: str,
    float: float,
    bool: bool,
    datetime: Instant,
    JSON: Annotated[Any, BeforeValidator(_parse_container)],
}


def _typed_dict(name: str, columns: Mapping[str, Column], **more: Any) -> Any:
    """Returns a TypedDict with the keys that have a column and, in `more`, keys with their own type."""
    keys = {key: _type_hint(column) for key, column in columns.items()}
    make: Any = TypedDict
    typed_dict = make(name, keys | more, total=False)
    typed_dict.__pydantic_config__ = ConfigDict(
        extra="allow", allow_inf_nan=False, hide_input_in_errors=True, coerce_numbers_to_str=True
    )
    return typed_dict


def _type_hint(column: Column) -> Any:
    hint = _TYPES[column.type]
    return hint | None if column.is_nullable else Required[hint]


_AUTHOR: Final = _typed_dict("Author", records.LABELS.keyed("author"))
_LABEL: Final = _typed_dict(
    "Label",
    records.LABELS.keyed(),
    author=_AUTHOR | None,
    updatedAt=Annotated[Instant | None, WrapValidator(_as_exported)],
    jsonResponse=JsonObject | None,
)
_ASSET: Final = _typed_dict(
    "Asset",
    records.ASSETS.keyed(),
    id=Required[Annotated[str, Field(min_length=1)]],
    labels=GenericAlias(list, _LABEL) | None,
    latestLabel=_LABEL | None,
    latestLabels=GenericAlias(list, _LABEL | None) | None,
)

ASSET: Final = pydantic.TypeAdapter[Asset](_ASSET)
LABEL: Final = pydantic.TypeAdapter[Label](_LABEL)
_INSTANT: Final = pydantic.TypeAdapter[datetime](Instant)


def _text_keys(columns: Mapping[str, Column]) -> tuple[str, ...]:
    return tuple(key for key, column in columns.items() if column.type is str)


ASSET_TEXT_KEYS: Final = _text_keys(records.ASSETS.keyed())
LABEL_TEXT_KEYS: Final = ("assetId", *_text_keys(records.LABELS.keyed()))
TEXT_KEYS_UNDER: Final = {
    "author": _text_keys(records.LABELS.keyed("author")),
    "labelOf": ASSET_TEXT_KEYS,
    **dict.fromkeys(LABEL_CONTAINERS, LABEL_TEXT_KEYS),
}
"""The keys that hold text, by the key of the object that contains them."""


def labels_of(asset: Asset) -> list[Label]:
    """Returns the labels of an asset under all keys."""
    return [label for labels in label_lists(asset) for label in labels]


def label_lists(asset: Asset) -> list[list[Label]]:
    """Returns the non-empty lists of labels, one for each key, in a fixed order of the keys."""
    latest = asset.get("latestLabel")
    latest_labels = [label for label in asset.get("latestLabels") or [] if label is not None]
    lists = [asset.get("labels") or [], latest_labels, [] if latest is None else [latest]]
    return [labels for labels in lists if labels]


def instant(value: object) -> datetime:
    """Returns the value of a date field of a validated record as a datetime."""
    return value if isinstance(value, datetime) else _INSTANT.validate_python(value)
