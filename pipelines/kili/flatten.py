"""Export -> records: an asset and its labels as rows, with their keys and hashes. Pure; no input or output."""

import hashlib
from collections import Counter
from collections.abc import Set
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, cast

from pipelines.kili import answers, canonical, export

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

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
_CREATED_AT: Final = 5
_AUTHOR_COLUMNS: Final = ("id", "email", "name")
_ASSET_KEYS: Final = {"id", *_ASSET_COLUMNS, *export.LABEL_CONTAINERS}
_AUTHOR_KEYS: Final = frozenset(_AUTHOR_COLUMNS)
_LABEL_KEYS: Final = {"id", "author", "labelType", "createdAt", "jsonResponse", *_LABEL_COLUMNS}


@dataclass(slots=True)
class FlatLabel:
    """A label with its key; `columns` are those between asset_version and response_hash."""

    key: str
    columns: tuple[object, ...]
    response: dict[str, Any] | None
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
    asset_id = record["id"]
    labels = _keyed(asset_id, [_label(label) for label in export.labels_of(record)])
    columns = (*(_column(key, said.get(key)) for key in _ASSET_COLUMNS), _extra(said, _ASSET_KEYS))
    stored = sorted(_hash([label.key, label.columns, label.response_hash, label.extra]) for label in labels)
    return FlatAsset(asset_id, _hash([columns, stored]), columns, labels)


def united(records: list[export.Asset]) -> export.Asset:
    """The same asset found several times in one export: later values win, a label found twice is one label."""
    if len(records) == 1:
        return records[0]
    said: dict[str, Any] = {}
    labels: list[export.Label] = []
    known: Counter[bytes] = Counter()
    for record in records:
        said |= {key: value for key, value in record.items() if value is not None}
        here: Counter[bytes] = Counter()
        for label in export.labels_of(record):
            text = canonical.dumps(label)
            here[text] += 1
            if here[text] > known[text]:
                known[text] += 1
                labels.append(label)
    said = {key: value for key, value in said.items() if key not in export.LABEL_CONTAINERS}
    return cast(export.Asset, said | {"labels": labels})


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970 in UTC; a time without a zone is taken for UTC."""
    since = (instant if instant.tzinfo else instant.replace(tzinfo=UTC)) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _label(label: export.Label) -> FlatLabel:
    said = cast(dict[str, Any], label)
    author = said.get("author") or {}
    response = label.get("jsonResponse")
    json_response = None if response is None else canonical.dumps(response)
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
        canonical.text(extra) if extra else None,
    )


def _keyed(asset_id: str, labels: list[FlatLabel]) -> list[FlatLabel]:
    """Gives labels their keys; those with equal author, type, time and model are numbered by their answers."""
    tied: Counter[tuple[object, ...]] = Counter()
    for label in sorted(labels, key=_tie_break) if len(labels) > 1 else labels:
        _, author_id, _, _, label_type, created_at, model_name, *_ = label.columns
        identity = (asset_id, author_id, label_type, created_at, model_name)
        label.key = _hash([*identity, tied[identity]])
        tied[identity] += 1
    return labels


def _tie_break(label: FlatLabel) -> tuple[str, str]:
    return label.response_hash or "", str(label.columns[0] or "")


def _column(key: str, value: Any) -> object:
    if value is None:
        return None
    if key == "jsonMetadata":
        return canonical.text(value)
    return microseconds(value) if key in ("createdAt", "updatedAt") else value


def _extra(said: dict[str, Any], keys: Set[str]) -> str | None:
    extra = _rest(said, keys)
    return canonical.text(extra) if extra else None


def _rest(said: dict[str, Any], keys: Set[str]) -> dict[str, Any]:
    """What is said under other keys."""
    return {key: said[key] for key in said.keys() - keys if said[key] is not None}


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _hash(value: object) -> str:
    return _digest(canonical.dumps(value))
