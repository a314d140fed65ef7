"""Turns an asset and its labels into rows, with their keys and hashes. Pure functions."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter, itemgetter
from typing import Any, Final, cast

from pipelines.kili import canonical_json, export, records
from pipelines.kili.annotations import common_shapes
from pipelines.loading.tables import JSON, Table

Row = tuple[object, ...]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class _Columns:
    """The columns of a table that hold keys of the exported record, in declared order, and how values are stored."""

    def __init__(self, table: Table, *left_out: str) -> None:
        columns = [column for column in table.columns if column.source_key and column.name not in left_out]
        self.names = tuple(column.name for column in columns)
        self.keys = tuple(str(column.source_key) for column in columns)
        self.times = [position for position, column in enumerate(columns) if column.type is datetime]
        self._json = [position for position, column in enumerate(columns) if column.type == JSON]

    def stored(self, values: list[Any]) -> list[Any]:
        """Values of these columns as they are stored."""
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
_OTHER_ASSET: Final = attrgetter(*common_shapes.OTHER_ASSET_KEYS)
_OTHER_LABEL: Final = attrgetter(*common_shapes.OTHER_LABEL_KEYS)
_OTHER_AUTHOR: Final = attrgetter(*common_shapes.OTHER_AUTHOR_KEYS)
_NO_AUTHOR: Final = common_shapes.Author()


@dataclass(slots=True)
class FlatLabel:
    """A label with its key; `columns` are the values of the columns that hold keys of the label, in declared order.

    `response` is the answer as JSON values, or as `common_shapes.Job` structs.
    """

    key: str
    columns: tuple[object, ...]
    response: Mapping[str, Any] | None
    response_hash: str | None
    json_response: str | None
    extra: str | None


@dataclass(slots=True)
class FlatAsset:
    """An asset with the hash of all that is stored of it; `columns` are those of `ASSET_ROW` after asset_version.

    `record_hash` is the hash of the record's text, if this text alone decides the rows and counts.
    """

    asset_id: str
    version: str
    columns: tuple[object, ...]
    labels: list[FlatLabel]
    record_hash: str | None = None

    @property
    def instants(self) -> list[int | None]:
        """The times in the columns of the asset and its labels, in microseconds."""
        held = [*map(self.columns.__getitem__, _ASSET.times)]
        held += [label.columns[position] for label in self.labels for position in _LABEL.times]
        return cast(list[int | None], held)

    @property
    def row(self) -> Row:
        """The asset's row in `kili.assets`, by `ASSET_ROW`."""
        return (self.asset_id, self.version, *self.columns)

    def label_row(self, label: FlatLabel, annotation_count: int) -> Row:
        """A label's row in `kili.labels`, by `LABEL_ROW`."""
        head = (label.key, self.asset_id, self.version)
        return (*head, *label.columns, label.response_hash, annotation_count, label.extra)


def asset(record: export.Asset) -> FlatAsset:
    """One asset of an export."""
    columns = _ASSET.stored([record.get(key) for key in _ASSET.keys])
    labels = [_label(label) for label in export.labels_of(record)]
    return _flat(record["id"], (*columns, _text(_rest(record, _ASSET_KEYS))), labels)


def plain_asset(found: common_shapes.Plain) -> FlatAsset:
    """One asset from a record of common shape. Raises `TypeError` or `ValueError` if its shape is not common."""
    record = found.asset
    columns = _ASSET.stored(common_shapes.values(record, _PLAIN_ASSET))
    extra = _text(_others(record, common_shapes.OTHER_ASSET_KEYS, _OTHER_ASSET))
    return _flat(record.id, (*columns, extra), list(map(_plain_label, common_shapes.labels_of(record), found.answers)))


def _flat(asset_id: str, columns: tuple[object, ...], labels: list[FlatLabel]) -> FlatAsset:
    _set_keys(asset_id, labels)
    stored = sorted([_hash([label.key, label.columns, label.response_hash, label.extra]) for label in labels])
    return FlatAsset(asset_id, _hash([columns, stored]), columns, labels)


def united(records: list[export.Asset]) -> tuple[export.Asset, int]:
    """Merges all records of an asset in an export. Returns the asset and its number of duplicate labels.

    Later values win.
    """
    lists = [labels for record in records for labels in export.label_lists(record)]
    labels = _united_labels(lists)
    duplicates = sum(map(len, lists)) - len(labels)
    if len(records) == 1 and not duplicates:
        return records[0], 0
    values: dict[str, Any] = {}
    for record in records:
        values = _overlaid(values, record)
    values = {key: value for key, value in values.items() if key not in export.LABEL_CONTAINERS}
    return values | {"labels": labels}, duplicates


def _united_labels(lists: list[list[export.Label]]) -> list[export.Label]:
    """Returns each label once. Labels with one id are merged, and so are equal labels without an id in two lists."""
    labels: list[export.Label] = []
    positions: dict[str, int] = {}
    known: Counter[bytes] = Counter()
    for listed in lists:
        here: Counter[bytes] = Counter()
        for label in listed:
            if label_id := label.get("id"):
                position = positions.setdefault(label_id, len(labels))
                if position < len(labels):
                    labels[position] = _united_label(labels[position], label)
                    continue
            elif len(lists) > 1:
                text = canonical_json.dumps(label)
                here[text] += 1
                if here[text] <= known[text]:
                    continue
                known[text] += 1
            labels.append(label)
    return labels


def _united_label(earlier: export.Label, later: export.Label) -> export.Label:
    """Merges a label from two places. Later values win, but an empty answer does not replace a full one."""
    values = _overlaid(earlier, later)
    if (author := earlier.get("author")) and (later_author := later.get("author")):
        values["author"] = _overlaid(author, later_author)
    if (response := earlier.get("jsonResponse")) and not later.get("jsonResponse"):
        values["jsonResponse"] = response
    return values


def _overlaid(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """The later values. Where a later value is null, the earlier one stays."""
    return {**earlier, **{key: value for key, value in later.items() if value is not None}}


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970 in UTC. A time without a zone counts as UTC."""
    return ((instant if instant.tzinfo else instant.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND


def _label(label: export.Label) -> FlatLabel:
    author = label.get("author") or {}
    response = label.get("jsonResponse")
    json_response = None if response is None else canonical_json.dumps(response)
    extra = _rest(label, _LABEL_KEYS)
    if more := _rest(author, _AUTHOR_KEYS):
        extra["author"] = more
    values = label | {f"author.{key}": value for key, value in author.items()}
    return _flat_label([values.get(key) for key in _LABEL.keys], (response, json_response), extra)


def _plain_label(label: Any, answer: common_shapes.Answer) -> FlatLabel:
    extra = _others(label, common_shapes.OTHER_LABEL_KEYS, _OTHER_LABEL)
    label.author = author = label.author or _NO_AUTHOR
    if more := _others(author, common_shapes.OTHER_AUTHOR_KEYS, _OTHER_AUTHOR):
        extra["author"] = more
    return _flat_label(common_shapes.values(label, _PLAIN_LABEL), answer, extra)


def _flat_label(columns: list[Any], answer: tuple[Any, bytes | None], extra: dict[str, Any]) -> FlatLabel:
    response, json_response = answer
    return FlatLabel(
        "",
        tuple(_LABEL.stored(columns)),
        response,
        None if json_response is None else _digest(json_response),
        None if json_response is None else json_response.decode(),
        _text(extra),
    )


def _set_keys(asset_id: str, labels: list[FlatLabel]) -> None:
    """Sets the keys of labels. Labels with the same author, type, time and model are numbered by their answers."""
    tied: dict[tuple[object, ...], int] = {}
    for label in sorted(labels, key=_tie_break) if len(labels) > 1 else labels:
        identity = (asset_id, *_IDENTITY(label.columns))
        tied[identity] = number = tied.get(identity, -1) + 1
        label.key = _hash([*identity, number])


def _tie_break(label: FlatLabel) -> tuple[str, str]:
    return label.response_hash or "", str(_LABEL_ID(label.columns) or "")


def _text(values: dict[str, Any]) -> str | None:
    return canonical_json.text(values) if values else None


def _others(record: Any, keys: Sequence[str], get: Callable[[Any], tuple[Any, ...]]) -> dict[str, Any]:
    """The values of a common record under keys without a column."""
    values = common_shapes.values(record, get)
    if values.count(None) == len(values):
        return {}
    return {key: value for key, value in zip(keys, values, strict=True) if value is not None}


def _rest(values: dict[str, Any], keys: Set[str]) -> dict[str, Any]:
    """The values that are not null under other keys."""
    return {key: values[key] for key in values.keys() - keys if values[key] is not None}


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _hash(value: object) -> str:
    return _digest(canonical_json.dumps(value))
