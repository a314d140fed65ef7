"""Export -> records: an asset and its labels as rows, with their keys and hashes. Pure; no input or output."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter, itemgetter
from typing import Any, Final, cast

from pipelines.kili import canonical_json, export
from pipelines.kili.annotations import answers, common_shapes

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_ASSET_COLUMNS: Final = (
    "projectId",
    "externalId",
    "content",
    "status",
    "jsonMetadata",
    "isHoneypot",
    "honeypotMark",
    "isUsedForConsensus",
    "consensusMark",
    "inferenceMark",
    "skipped",
    "totalSecondsToLabel",
    "createdAt",
    "updatedAt",
)
_LABEL_COLUMNS: Final = (
    "modelName",
    "skipped",
    "isSentBackToQueue",
    "isLatestLabelForUser",
    "isHoneypot",
    "consensusMark",
    "honeypotMark",
    "inferenceMark",
    "reviewScore",
    "secondsToLabel",
    "totalSecondsToLabel",
)
_TIMES: Final = slice(_ASSET_COLUMNS.index("createdAt"), _ASSET_COLUMNS.index("updatedAt") + 1)
_METADATA: Final = _ASSET_COLUMNS.index("jsonMetadata")
_CREATED_AT: Final = 5
_IDENTITY: Final = itemgetter(1, 4, _CREATED_AT, 6)  # author_id, label_type, created_at, model_name
_AUTHOR_COLUMNS: Final = ("id", "email", "name")
_ASSET_KEYS: Final = {"id", *_ASSET_COLUMNS, *export.LABEL_CONTAINERS}
_AUTHOR_KEYS: Final = frozenset(_AUTHOR_COLUMNS)
_LABEL_KEYS: Final = {"id", "author", "labelType", "createdAt", "jsonResponse", *_LABEL_COLUMNS}
_ASSET_MORE: Final = [name for name in common_shapes.Asset.__struct_fields__ if name not in _ASSET_KEYS]
_LABEL_MORE: Final = [name for name in common_shapes.Label.__struct_fields__ if name not in _LABEL_KEYS]
_AUTHOR_MORE: Final = [name for name in common_shapes.Author.__struct_fields__ if name not in _AUTHOR_KEYS]
_PLAIN_ASSET: Final = attrgetter(*_ASSET_COLUMNS, *_ASSET_MORE)
_PLAIN_LABEL: Final = attrgetter("id", *_LABEL_COLUMNS, *_LABEL_MORE)
_PLAIN_AUTHOR: Final = attrgetter(*_AUTHOR_COLUMNS, *_AUTHOR_MORE)
_NO_AUTHOR: Final = common_shapes.Author()


@dataclass(slots=True)
class FlatLabel:
    """A label with its key; `columns` are those between asset_version and response_hash.

    `response` is the answer as JSON has it, or the jobs of a plain one.
    """

    key: str
    columns: tuple[object, ...]
    response: Mapping[str, Any] | None
    response_hash: str | None
    json_response: str | None
    extra: str | None


@dataclass(slots=True)
class FlatAsset:
    """An asset with the hash of all that is stored of it; `columns` are those after asset_version.

    `record_hash` is the hash of its text, if that text tells all of it and nothing else of the export.
    """

    asset_id: str
    version: str
    columns: tuple[object, ...]
    labels: list[FlatLabel]
    record_hash: str | None = None

    @property
    def instants(self) -> list[int | None]:
        """When it and its labels were made or changed, in microseconds, as far as columns hold that."""
        times = [*self.columns[_TIMES], *(label.columns[_CREATED_AT] for label in self.labels)]
        return cast(list[int | None], times)

    @property
    def row(self) -> answers.Row:
        """The asset's row in `kili.assets`."""
        return (self.asset_id, self.version, *self.columns)

    def label_row(self, label: FlatLabel, annotation_count: int) -> answers.Row:
        """A label's row in `kili.labels`."""
        head = (label.key, self.asset_id, self.version)
        return (*head, *label.columns, label.response_hash, annotation_count, label.extra)


def asset(record: export.Asset) -> FlatAsset:
    """One asset of an export."""
    said = cast(dict[str, Any], record)
    columns = _asset_columns([said.get(key) for key in _ASSET_COLUMNS])
    labels = [_label(label) for label in export.labels_of(record)]
    return _flat(record["id"], (*columns, _text(_rest(said, _ASSET_KEYS))), labels)


def plain_asset(found: common_shapes.Plain) -> FlatAsset:
    """The same of a plain record. Raises `TypeError` or `ValueError` if it is not so plain."""
    record = found.asset
    said = common_shapes.values(record, _PLAIN_ASSET)
    columns, more = said[: len(_ASSET_COLUMNS)], said[len(_ASSET_COLUMNS) :]
    columns[_TIMES] = [instant and datetime.fromisoformat(instant) for instant in columns[_TIMES]]
    columns = _asset_columns(columns)
    extra = _text(_more(_ASSET_MORE, more))
    return _flat(record.id, (*columns, extra), list(map(_plain_label, common_shapes.labels_of(record), found.answers)))


def _flat(asset_id: str, columns: tuple[object, ...], labels: list[FlatLabel]) -> FlatAsset:
    _set_keys(asset_id, labels)
    stored = sorted([_hash([label.key, label.columns, label.response_hash, label.extra]) for label in labels])
    return FlatAsset(asset_id, _hash([columns, stored]), columns, labels)


def united(records: list[export.Asset]) -> tuple[export.Asset, int]:
    """One asset from all its records in an export, and the number of its duplicate labels. Later values win."""
    lists = [labels for record in records for labels in export.label_lists(record)]
    labels = _united_labels(lists)
    duplicates = sum(map(len, lists)) - len(labels)
    if len(records) == 1 and not duplicates:
        return records[0], 0
    said: dict[str, Any] = {}
    for record in records:
        said = _overlaid(said, record)
    said = {key: value for key, value in said.items() if key not in export.LABEL_CONTAINERS}
    return cast(export.Asset, said | {"labels": labels}), duplicates


def _united_labels(lists: list[list[export.Label]]) -> list[export.Label]:
    """Each label once: labels with one id are one, and so are labels without an id whose text is in several lists."""
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
    """One label from two places: later values win, but an empty answer does not replace a full one."""
    said = _overlaid(earlier, later)
    if (author := earlier.get("author")) and (later_author := later.get("author")):
        said["author"] = _overlaid(author, later_author)
    if (response := earlier.get("jsonResponse")) and not later.get("jsonResponse"):
        said["jsonResponse"] = response
    return cast(export.Label, said)


def _overlaid(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """The later values; where these are null, the earlier ones."""
    return {**earlier, **{key: value for key, value in later.items() if value is not None}}


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970 in UTC; a time without a zone is taken for UTC."""
    return ((instant if instant.tzinfo else instant.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND


def _label(label: export.Label) -> FlatLabel:
    said = cast(dict[str, Any], label)
    author = said.get("author") or {}
    response = label.get("jsonResponse")
    json_response = None if response is None else canonical_json.dumps(response)
    extra = _rest(said, _LABEL_KEYS)
    if more := _rest(author, _AUTHOR_KEYS):
        extra["author"] = more
    return FlatLabel(
        "",
        (
            label.get("id"),
            *map(author.get, _AUTHOR_COLUMNS),
            label["labelType"],
            microseconds(label["createdAt"]),
            *map(said.get, _LABEL_COLUMNS),
        ),
        response,
        None if json_response is None else _digest(json_response),
        None if json_response is None else json_response.decode(),
        _text(extra),
    )


def _plain_label(label: common_shapes.Label[Any], answer: common_shapes.Answer) -> FlatLabel:
    response, json_response = answer
    author = common_shapes.values(label.author or _NO_AUTHOR, _PLAIN_AUTHOR)
    label_id, *said = common_shapes.values(label, _PLAIN_LABEL)
    extra = _more(_LABEL_MORE, said[len(_LABEL_COLUMNS) :])
    if more := _more(_AUTHOR_MORE, author[len(_AUTHOR_COLUMNS) :]):
        extra["author"] = more
    created_at = microseconds(datetime.fromisoformat(label.createdAt))
    return FlatLabel(
        "",
        (
            label_id,
            *author[: len(_AUTHOR_COLUMNS)],
            label.labelType,
            created_at,
            *said[: len(_LABEL_COLUMNS)],
        ),
        response,
        None if json_response is None else _digest(json_response),
        None if json_response is None else json_response.decode(),
        _text(extra),
    )


def _set_keys(asset_id: str, labels: list[FlatLabel]) -> None:
    """Gives labels their keys; those with equal author, type, time and model are numbered by their answers."""
    tied: dict[tuple[object, ...], int] = {}
    for label in sorted(labels, key=_tie_break) if len(labels) > 1 else labels:
        identity = (asset_id, *_IDENTITY(label.columns))
        tied[identity] = number = tied.get(identity, -1) + 1
        label.key = _hash([*identity, number])


def _tie_break(label: FlatLabel) -> tuple[str, str]:
    return label.response_hash or "", str(label.columns[0] or "")


def _asset_columns(columns: list[Any]) -> list[Any]:
    """Values of `_ASSET_COLUMNS` as they are stored."""
    columns[_TIMES] = [instant and microseconds(instant) for instant in columns[_TIMES]]
    if columns[_METADATA] is not None:
        columns[_METADATA] = canonical_json.text(columns[_METADATA])
    return columns


def _text(said: dict[str, Any]) -> str | None:
    return canonical_json.text(said) if said else None


def _more(names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    """What is said under keys that have no column."""
    if values.count(None) == len(values):
        return {}
    return {name: value for name, value in zip(names, values, strict=True) if value is not None}


def _rest(said: dict[str, Any], keys: Set[str]) -> dict[str, Any]:
    """What is said under other keys."""
    return {key: said[key] for key in said.keys() - keys if said[key] is not None}


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _hash(value: object) -> str:
    return _digest(canonical_json.dumps(value))
