"""The export as Kili writes it: assets, their labels, the labels' authors.

The keys with a column, and their types, come from `records`. TypedDicts validate twice as fast as models, and
keep a record's own keys. Kili adds keys in every release, so unknown keys are allowed and kept. Answers (jsonResponse)
are any JSON here; `answers` takes them apart. Formats: Kili's documentation, "Exported data format"; the fields of the
API's types.
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
"""A thing to label, with its labels under one of three keys (by type of export); validated by `ASSET`."""
Label = dict[str, Any]
"""What one author said of one asset at one time; validated by `LABEL`."""

LABEL_CONTAINERS: Final = ("labels", "latestLabel", "latestLabels")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)
_LEAST_MILLISECONDS: Final = 1e11
_ISO_8601: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ]|\Z)")


def _parsed(value: object) -> object:
    """The value of a JSON text in a string, as in API dumps. A blank string is an empty answer, as in Kili's client."""
    if not isinstance(value, str):
        return value
    if not value.strip():
        return {}
    try:
        return _opened(value)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"holds a text that cannot be read: {faults.json_fault(value.encode(), error)}") from None


def _parsed_container(value: object) -> object:
    """Parses metadata that is an object or list in a string; any other text stays a text."""
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
        raise PydanticCustomError(faults.REPEATED_KEY, "repeats a key", {"key": key, "pointer": pointer})
    return value


def _instant_or_text(value: object) -> datetime | str:
    """The instant of epoch milliseconds, or a text that starts with an ISO 8601 date. Raises `ValueError`."""
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
    return PydanticCustomError("year_out_of_range", faults.OUTSIDE_YEARS)


def _as_exported(value: object, read: ValidatorFunctionWrapHandler) -> object:
    """Checks a value and returns it as it is written in the export."""
    read(value)
    return value


Instant = Annotated[datetime, BeforeValidator(_instant_or_text), AfterValidator(_within_years)]
JsonObject = Annotated[dict[str, Any], BeforeValidator(_parsed)]

_TYPES: Final[Mapping[type | str, Any]] = {
    str: str,
    float: float,
    bool: bool,
    datetime: Instant,
    JSON: Annotated[Any, BeforeValidator(_parsed_container)],
}


def _validator(name: str, columns: Mapping[str, Column], **more: Any) -> Any:
    """The TypedDict of a JSON object: keys that have a column, and in `more` keys with their own validators."""
    keys = {key: _hint(column) for key, column in columns.items()}
    make: Any = TypedDict
    found = make(name, keys | more, total=False)
    found.__pydantic_config__ = ConfigDict(
        extra="allow", allow_inf_nan=False, hide_input_in_errors=True, coerce_numbers_to_str=True
    )
    return found


def _hint(column: Column) -> Any:
    hint = _TYPES[column.type]
    return hint | None if column.is_nullable else Required[hint]


_AUTHOR: Final = _validator("Author", records.LABELS.keyed("author"))
_LABEL: Final = _validator(
    "Label",
    records.LABELS.keyed(),
    author=_AUTHOR | None,
    updatedAt=Annotated[Instant | None, WrapValidator(_as_exported)],
    jsonResponse=JsonObject | None,
)
_ASSET: Final = _validator(
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


def _texts(columns: Mapping[str, Column]) -> tuple[str, ...]:
    return tuple(key for key, column in columns.items() if column.type is str)


ASSET_TEXTS: Final = _texts(records.ASSETS.keyed())
LABEL_TEXTS: Final = ("assetId", *_texts(records.LABELS.keyed()))
TEXTS_UNDER: Final = {
    "author": _texts(records.LABELS.keyed("author")),
    "labelOf": ASSET_TEXTS,
    **dict.fromkeys(LABEL_CONTAINERS, LABEL_TEXTS),
}
"""The keys that hold texts, under each key that holds an object with some."""


def labels_of(asset: Asset) -> list[Label]:
    """The labels of an asset under all three keys."""
    return [label for labels in label_lists(asset) for label in labels]


def label_lists(asset: Asset) -> list[list[Label]]:
    """The lists of labels that are not empty, in a fixed order of their keys."""
    latest = asset.get("latestLabel")
    several = [label for label in asset.get("latestLabels") or [] if label is not None]
    lists = [asset.get("labels") or [], several, [] if latest is None else [latest]]
    return [labels for labels in lists if labels]


def instant(value: object) -> datetime:
    """The instant of a validated date field."""
    return value if isinstance(value, datetime) else _INSTANT.validate_python(value)
