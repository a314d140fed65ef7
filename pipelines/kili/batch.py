"""Parses a batch of records: assets with their keys and hashes, rejects, and counts. No input or output."""

from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, Final, NamedTuple

from pipelines.kili import export, faults, flatten, merge, parse, plain_records
from pipelines.kili.people import Pseudonyms

_LEDGER_KEYS: Final = attrgetter("projectId", *export.LABEL_CONTAINERS)


class RecordText(NamedTuple):
    """The bytes of a record, its entry and JSON pointer (`location`), and the asset that it names.

    `fault` is the reason not to parse the record, else null. With a fault, `raw` holds only the first bytes.
    """

    entry: str | None
    location: str
    asset_id: str | None
    is_label: bool
    fault: str | None
    record_hash: str | None
    raw: bytes


@dataclass(slots=True)
class Counts:
    """What the ledger stores about an export's records.

    `newest` is the newest time in microseconds since 1970. `label_container` and `project_id` are the first in the
    export.
    """

    asset_count: int = 0
    label_count: int = 0
    annotation_count: int = 0
    rejected_asset_count: int = 0
    rejected_label_count: int = 0
    duplicate_asset_count: int = 0
    duplicate_label_count: int = 0
    unchanged_asset_count: int = 0
    label_container: str | None = None
    project_id: str | None = None
    newest: int | None = None

    @property
    def by_column(self) -> dict[str, int]:
        """The counts by their column in `kili.exports`."""
        return {column.name: getattr(self, column.name) for column in fields(self) if column.name.endswith("_count")}

    def add(self, later: "Counts") -> None:
        """Adds the counts of later records of the same export."""
        for name, count in later.by_column.items():
            setattr(self, name, getattr(self, name) + count)
        self.label_container = self.label_container or later.label_container
        self.project_id = self.project_id or later.project_id
        self.update_newest(later.newest)

    def update_newest(self, instant: int | None) -> None:
        """Raises `newest` to a time, unless it is newer already."""
        if instant is not None and (self.newest is None or instant > self.newest):
            self.newest = instant


@dataclass
class Batch:
    """The rejects and counts of a batch. `rejects` are rows of `kili.rejects` without the export's columns.

    `pseudonyms`: what replaces people; null if people stay. The fast path does not replace people.
    """

    rejects: list[dict[str, Any]] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    pseudonyms: Pseudonyms | None = None

    def add(self, texts: list[RecordText]) -> flatten.FlatAsset | None:
        """Returns the asset of its records, or null if all of them are broken."""
        return (self._add_plain(texts[0]) if len(texts) == 1 else None) or self.add_by_reference(texts)

    def _add_plain(self, text: RecordText) -> flatten.FlatAsset | None:
        """Returns the asset of a plain record, or null if the record needs the reference path."""
        if text.is_label or text.fault or self.pseudonyms:
            return None
        try:
            plain = plain_records.decode(text.raw)
            if plain is None or plain.asset.id != text.asset_id:
                return None
            asset = flatten.plain_asset(plain)
        except (TypeError, ValueError, RecursionError):  # integers beyond 64 bits; impossible dates; deep nesting
            return None
        project_id, *label_lists = plain_records.values(plain.asset, _LEDGER_KEYS)
        counts = self.counts
        counts.asset_count += 1
        counts.label_count += len(asset.labels)
        counts.project_id = counts.project_id or project_id
        containers = [
            name for name, labels in zip(export.LABEL_CONTAINERS, label_lists, strict=True) if labels is not None
        ]
        counts.label_container = counts.label_container or next(iter(containers), None)
        self._update_newest_from_columns(asset)
        if counts.label_container in containers and project_id is None:
            asset.record_hash = text.record_hash
        return asset

    def add_by_reference(self, texts: list[RecordText]) -> flatten.FlatAsset | None:
        """Does the same as `add`, without the fast path for plain records."""
        reject_count = len(self.rejects)
        records = [(text, record) for text in texts if (record := self._parse(text)) is not None]
        asset_record_count = sum(not text.is_label for text, _ in records)
        self.counts.asset_count += sum(not text.is_label for text in texts)
        if not records:
            return None
        self.counts.asset_count += asset_record_count == 0  # a list of labels has no asset records
        self.counts.duplicate_asset_count += max(asset_record_count - 1, 0)
        for _, record in records:
            self._update_export_facts(record)
            self._update_newest_from_record(record, is_alone=len(records) == 1)
        merged, duplicates = merge.merge_records([record for _, record in records])
        asset = flatten.asset(merged)
        self.counts.label_count += len(asset.labels) + duplicates
        self.counts.duplicate_label_count += duplicates
        self._update_newest_from_columns(asset)
        is_whole = len(texts) == 1 and len(self.rejects) == reject_count and not duplicates
        if is_whole and self._can_rows_restore_counts(records[0][1]):
            asset.record_hash = texts[0].record_hash
        return asset

    def _parse(self, text: RecordText) -> export.Asset | None:
        """Returns the asset of a record. Adds rejects for broken labels, or returns null for a broken record."""
        counts = self.counts
        try:
            record, broken = _parse_text(text)
        except faults.BrokenRecord as error:
            counts.rejected_asset_count += not text.is_label
            counts.label_count += error.label_count
            counts.rejected_label_count += error.label_count
            self._reject(text, error.asset_id, error.external_id, str(error), text.location, faults.raw_text(text.raw))
            return None
        counts.label_count += len(broken)
        counts.rejected_label_count += len(broken)
        for label in broken:
            place = text.location + label.location
            self._reject(text, record["id"], record.get("externalId"), label.reason, place, label.raw)
        return self.pseudonyms.asset(record, [label.raw for label in broken]) if self.pseudonyms else record

    def _reject(
        self, text: RecordText, asset_id: str | None, external_id: str | None, reason: str, location: str, raw: str
    ) -> None:
        """Adds a reject. With pseudonyms, it does not hold the record's text."""
        if self.pseudonyms:
            external_id = self.pseudonyms.text(external_id, text.raw)
            reason = self.pseudonyms.text(reason, text.raw) or reason
        self.rejects.append(
            {
                "entry": text.entry,
                "location": location,
                "asset_id": asset_id,
                "external_id": external_id,
                "reason": reason,
                "raw": None if self.pseudonyms else raw,
            }
        )

    def _update_export_facts(self, record: export.Asset) -> None:
        counts = self.counts
        counts.project_id = counts.project_id or record.get("projectId")
        if counts.label_container is None:
            containers = (key for key in export.LABEL_CONTAINERS if record.get(key) is not None)
            counts.label_container = next(containers, None)

    def _update_newest_from_columns(self, asset: flatten.FlatAsset) -> None:
        self.counts.update_newest(max((instant for instant in asset.instants if instant is not None), default=None))

    def _update_newest_from_record(self, record: export.Asset, *, is_alone: bool) -> None:
        """Considers times that no column holds: a label's `updatedAt`, and all times of a record to be merged."""
        labels = [label for label in export.labels_of(record) if not is_alone or "updatedAt" in label]
        for part in labels if is_alone else [record, *labels]:
            for key in ("createdAt", "updatedAt"):
                if (value := part.get(key)) is not None:
                    self.counts.update_newest(flatten.microseconds(export.instant(value)))

    def _can_rows_restore_counts(self, record: export.Asset) -> bool:
        """Whether the asset's rows in the warehouse contain all that this record adds to the ledger."""
        container = self.counts.label_container
        is_usual = container is not None and record.get(container) is not None and record.get("projectId") is None
        return is_usual and not any("updatedAt" in label for label in export.labels_of(record))


def _parse_text(text: RecordText) -> tuple[export.Asset, list[faults.BrokenLabel]]:
    if text.fault:
        raise faults.BrokenRecord(text.fault)
    record, broken = parse.read_asset(text.raw, is_label=text.is_label, location=text.location)
    if record["id"] != text.asset_id:  # the decoder of heads, which allows less nesting, read no id
        labels = len(export.labels_of(record)) + len(broken)
        raise faults.BrokenRecord("nested too deeply to be read", record, labels)
    return record, broken
