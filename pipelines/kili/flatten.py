"""Turns an asset and its labels into rows with keys and hashes. No input or output."""

import hashlib
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter, itemgetter
from typing import Any, Final, cast

from pipelines.kili import canonical_json, export, plain_records, records
from pipelines.kili.annotations import common_shapes
from pipelines.loading.tables import JSON, Table

Row = tuple[object, ...]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class _Columns:
    """The columns of a table that hold values of the exported record, in declared order."""

    def __init__(self, table: Table, *excluded: str) -> None:
        columns = [column for column in table.columns if column.source_key and column.name not in excluded]
        self.names = tuple(column.name for column in columns)
        self.keys = tuple(str(column.source_key) for column in columns)
        self.times = [position for position, column in enumerate(columns) if column.type is datetime]
        self._json = [position for position, column in enumerate(columns) if column.type == JSON]

    def stored(self, values: list[Any]) -> list[Any]:
        """Converts values of these columns, in place, to the types that the warehouse stores."""
        for position in self.times:
            if (instant := values[position]) is not None:
                parsed = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
                values[position] = microseconds(parsed)
        for position in self._json:
            if values[position] is not None:
                values[position] = canonical_json.text(values[position])
        return values


_ASSET: Final = _Columns(records.ASSETS, "asset_id")
_LABEL: Final = _Columns(records.LABELS)
ASSET_ROW: Final = ("asset_id", "asset_version", *_ASSET.names, "extra")
"""The columns of `FlatAsset.row`."""
LABEL_ROW: Final = (
    "label_key",
    "asset_id",
    "asset_version",
    *_LABEL.names,
    "response_hash",
    "annotation_count",
    "extra",
)
"""The columns of `FlatAsset.label_row`."""

_IDENTITY: Final = itemgetter(*map(_LABEL.names.index, ("author_id", "label_type", "created_at", "model_name")))
_LABEL_ID: Final = itemgetter(_LABEL.names.index("label_id"))

_ASSET_KEYS: Final = {*records.ASSETS.keyed(), *export.LABEL_CONTAINERS}
_LABEL_KEYS: Final = {*records.LABELS.keyed(), "author", "jsonResponse"}
_AUTHOR_KEYS: Final = {*records.LABELS.keyed("author")}
_PLAIN_ASSET: Final = attrgetter(*_ASSET.keys)
_PLAIN_LABEL: Final = attrgetter(*_LABEL.keys)
_OTHER_ASSET: Final = attrgetter(*plain_records.OTHER_ASSET_KEYS)
_OTHER_LABEL: Final = attrgetter(*plain_records.OTHER_LABEL_KEYS)
_OTHER_AUTHOR: Final = attrgetter(*plain_records.OTHER_AUTHOR_KEYS)
_NO_AUTHOR: Final = plain_records.Author()


@dataclass(slots=True)
class FlatLabel:
    """A label with its key. `columns` are the values of `kili.labels` that come from the export, in declared order.

    `response` is the answer as a JSON value, or for a plain label as structs.
    """

    key: str
    columns: tuple[object, ...]
    response: Mapping[str, Any] | None
    response_hash: str | None
    json_response: str | None
    extra: str | None


@dataclass(slots=True)
class FlatAsset:
    """An asset with its version. `columns` are the values of `ASSET_ROW` after asset_version.

    `record_hash` is the hash of the record's text, if the asset's rows depend on that text alone.
    """

    asset_id: str
    version: str
    columns: tuple[object, ...]
    labels: list[FlatLabel]
    record_hash: str | None = None

    @property
    def instants(self) -> list[int | None]:
        """The times of the asset and its labels that columns hold, in microseconds since 1970."""
        times = [*map(self.columns.__getitem__, _ASSET.times)]
        times += [label.columns[position] for label in self.labels for position in _LABEL.times]
        return cast(list[int | None], times)

    @property
    def row(self) -> Row:
        """The asset's row of `kili.assets`, with the columns of `ASSET_ROW`."""
        return (self.asset_id, self.version, *self.columns)

    def label_row(self, label: FlatLabel, annotation_count: int) -> Row:
        """Returns a label's row of `kili.labels`, with the columns of `LABEL_ROW`."""
        keys = (label.key, self.asset_id, self.version)
        return (*keys, *label.columns, label.response_hash, annotation_count, label.extra)


def asset(record: export.Asset) -> FlatAsset:
    """Returns a validated asset with its labels."""
    columns = _ASSET.stored([record.get(key) for key in _ASSET.keys])
    labels = [_label(label) for label in export.labels_of(record)]
    return _flat_asset(record["id"], (*columns, _text_or_none(_remaining(record, _ASSET_KEYS))), labels)


def plain_asset(plain: plain_records.PlainAsset) -> FlatAsset:
    """Returns a plain asset with its labels. Raises `TypeError` or `ValueError` for values that need `asset`."""
    record = plain.asset
    columns = _ASSET.stored(plain_records.values(record, _PLAIN_ASSET))
    extra = _text_or_none(_other_values(record, plain_records.OTHER_ASSET_KEYS, _OTHER_ASSET))
    labels = list(map(_plain_label, plain_records.labels_of(record), plain.answers))
    return _flat_asset(record.id, (*columns, extra), labels)


def _flat_asset(asset_id: str, columns: tuple[object, ...], labels: list[FlatLabel]) -> FlatAsset:
    _set_keys(asset_id, labels)
    stored = sorted([_hash([label.key, label.columns, label.response_hash, label.extra]) for label in labels])
    return FlatAsset(asset_id, _hash([columns, stored]), columns, labels)


def microseconds(instant: datetime) -> int:
    """Returns a time as microseconds since 1970 in UTC. A time without a time zone is in UTC."""
    return ((instant if instant.tzinfo else instant.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND


def _label(label: export.Label) -> FlatLabel:
    author = label.get("author") or {}
    response = label.get("jsonResponse")
    json_response = None if response is None else canonical_json.dumps(response)
    extra = _remaining(label, _LABEL_KEYS)
    if more := _remaining(author, _AUTHOR_KEYS):
        extra["author"] = more
    values = label | {f"author.{key}": value for key, value in author.items()}
    return _flat_label([values.get(key) for key in _LABEL.keys], (response, json_response), extra)


def _plain_label(label: Any, answer: common_shapes.Answer) -> FlatLabel:
    extra = _other_values(label, plain_records.OTHER_LABEL_KEYS, _OTHER_LABEL)
    label.author = author = label.author or _NO_AUTHOR
    if more := _other_values(author, plain_records.OTHER_AUTHOR_KEYS, _OTHER_AUTHOR):
        extra["author"] = more
    return _flat_label(plain_records.values(label, _PLAIN_LABEL), answer, extra)


def _flat_label(columns: list[Any], answer: tuple[Any, bytes | None], extra: dict[str, Any]) -> FlatLabel:
    response, json_response = answer
    return FlatLabel(
        "",
        tuple(_LABEL.stored(columns)),
        response,
        None if json_response is None else _digest(json_response),
        None if json_response is None else json_response.decode(),
        _text_or_none(extra),
    )


def _set_keys(asset_id: str, labels: list[FlatLabel]) -> None:
    """Sets the keys of labels. Labels with equal author, type, time and model are numbered in the order of answers."""
    tied: dict[tuple[object, ...], int] = {}
    for label in sorted(labels, key=_tie_break) if len(labels) > 1 else labels:
        identity = (asset_id, *_IDENTITY(label.columns))
        tied[identity] = number = tied.get(identity, -1) + 1
        label.key = _hash([*identity, number])


def _tie_break(label: FlatLabel) -> tuple[str, str]:
    return label.response_hash or "", str(_LABEL_ID(label.columns) or "")


def _text_or_none(values: dict[str, Any]) -> str | None:
    return canonical_json.text(values) if values else None


def _other_values(record: Any, keys: Sequence[str], get: Callable[[Any], tuple[Any, ...]]) -> dict[str, Any]:
    """Returns the values of a plain record under keys without a column."""
    values = plain_records.values(record, get)
    if values.count(None) == len(values):
        return {}
    return {key: value for key, value in zip(keys, values, strict=True) if value is not None}


def _remaining(record: dict[str, Any], keys: Set[str]) -> dict[str, Any]:
    """Returns the values of a record under all other keys than `keys`."""
    return {key: record[key] for key in record.keys() - keys if record[key] is not None}


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _hash(value: object) -> str:
    return _digest(canonical_json.dumps(value))
