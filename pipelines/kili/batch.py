"""Parses a batch of records into assets, rejects and counts. Pure."""

from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, Final, NamedTuple

from pipelines.kili import export, faults, flatten, parse
from pipelines.kili.annotations import common_shapes

_TOLD: Final = attrgetter("projectId", *export.LABEL_CONTAINERS)


class Text(NamedTuple):
    """The bytes of a record, its entry and JSON pointer, and the id of its asset.

    If `fault` is set, the record must not be parsed, and `raw` holds only its beginning.
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
    """Counts of an export for the ledger. `newest` is in microseconds; container and project are the first ones met."""

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
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name.endswith("_count")}

    def add(self, later: "Counts") -> None:
        """Adds the counts of records that come later in the same export."""
        for name, count in later.by_column.items():
            setattr(self, name, getattr(self, name) + count)
        self.label_container = self.label_container or later.label_container
        self.project_id = self.project_id or later.project_id
        self.note(later.newest)

    def note(self, instant: int | None) -> None:
        """Keeps the newest instant."""
        if instant is not None and (self.newest is None or instant > self.newest):
            self.newest = instant


@dataclass
class Batch:
    """Rejects and counts of a batch. `rejects`: rows of `kili.rejects` without the export."""

    rejects: list[dict[str, Any]] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)

    def add(self, texts: list[Text]) -> flatten.FlatAsset | None:
        """The asset of these records; null if all of them are broken."""
        return (self._plain(texts[0]) if len(texts) == 1 else None) or self.read(texts)

    def _plain(self, text: Text) -> flatten.FlatAsset | None:
        """The asset of a record of common shape (fast path); null if its shape is another."""
        if text.is_label or text.fault:
            return None
        try:
            found = common_shapes.asset(text.raw)
            if found is None or found.asset.id != text.asset_id:
                return None
            asset = flatten.plain_asset(found)
        except (TypeError, ValueError, RecursionError):  # integers beyond 64 bits, impossible dates, deep nesting
            return None
        project_id, *held = common_shapes.values(found.asset, _TOLD)
        counts = self.counts
        counts.asset_count += 1
        counts.label_count += len(asset.labels)
        counts.project_id = counts.project_id or project_id
        containers = [name for name, labels in zip(export.LABEL_CONTAINERS, held, strict=True) if labels is not None]
        counts.label_container = counts.label_container or next(iter(containers), None)
        self._note_instants(asset)
        if counts.label_container in containers and project_id is None:
            asset.record_hash = text.record_hash
        return asset

    def read(self, texts: list[Text]) -> flatten.FlatAsset | None:
        """The asset of records of any shape (reference path)."""
        rejects = len(self.rejects)
        records = [(text, record) for text in texts if (record := self._record(text)) is not None]
        own = sum(not text.is_label for text, _ in records)
        self.counts.asset_count += sum(not text.is_label for text in texts)
        if not records:
            return None
        self.counts.asset_count += own == 0  # a list of labels has no records of assets
        self.counts.duplicate_asset_count += max(own - 1, 0)
        for _, record in records:
            self._note(record)
            self._note_times(record, is_alone=len(records) == 1)
        united, duplicates = flatten.united([record for _, record in records])
        asset = flatten.asset(united)
        self.counts.label_count += len(asset.labels) + duplicates
        self.counts.duplicate_label_count += duplicates
        self._note_instants(asset)
        is_whole = len(texts) == 1 and len(self.rejects) == rejects and not duplicates
        if is_whole and self._is_repeatable_from_rows(records[0][1]):
            asset.record_hash = texts[0].record_hash
        return asset

    def _record(self, text: Text) -> export.Asset | None:
        counts = self.counts
        try:
            record, broken = _record(text)
        except faults.BrokenRecord as error:
            counts.rejected_asset_count += not text.is_label
            counts.label_count += error.label_count
            counts.rejected_label_count += error.label_count
            self.rejects.append(
                {
                    "entry": text.entry,
                    "location": text.location,
                    "asset_id": error.asset_id,
                    "external_id": error.external_id,
                    "reason": str(error),
                    "raw": faults.raw_text(text.raw),
                }
            )
            return None
        counts.label_count += len(broken)
        counts.rejected_label_count += len(broken)
        self.rejects += [
            {
                "entry": text.entry,
                "location": text.location + label.location,
                "asset_id": record["id"],
                "external_id": record.get("externalId"),
                "reason": label.reason,
                "raw": label.raw,
            }
            for label in broken
        ]
        return record

    def _note(self, record: export.Asset) -> None:
        """Updates the project and label container of the export."""
        counts = self.counts
        counts.project_id = counts.project_id or record.get("projectId")
        if counts.label_container is None:
            said_under = (key for key in export.LABEL_CONTAINERS if record.get(key) is not None)
            counts.label_container = next(said_under, None)

    def _note_instants(self, asset: flatten.FlatAsset) -> None:
        self.counts.note(max((instant for instant in asset.instants if instant is not None), default=None))

    def _note_times(self, record: export.Asset, *, is_alone: bool) -> None:
        """Updates the newest time with those that no column holds, such as the last change of a label."""
        labels = [label for label in export.labels_of(record) if not is_alone or "updatedAt" in label]
        for one in labels if is_alone else [record, *labels]:
            for key in ("createdAt", "updatedAt"):
                if (value := one.get(key)) is not None:
                    self.counts.note(flatten.microseconds(export.instant(value)))

    def _is_repeatable_from_rows(self, record: export.Asset) -> bool:
        """Whether all counts of this record can be read back from its rows."""
        container = self.counts.label_container
        is_usual = container is not None and record.get(container) is not None and record.get("projectId") is None
        return is_usual and not any("updatedAt" in label for label in export.labels_of(record))


def _record(text: Text) -> tuple[export.Asset, list[faults.BrokenLabel]]:
    if text.fault:
        raise faults.BrokenRecord(text.fault)
    record, broken = parse.read_asset(text.raw, is_label=text.is_label, location=text.location)
    if record["id"] != text.asset_id:  # the scanner, which stops at less depth, found no id
        labels = len(export.labels_of(record)) + len(broken)
        raise faults.BrokenRecord("nested too deeply to be read", record, labels)
    return record, broken
