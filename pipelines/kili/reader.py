"""Reads one export in batches of a few megabytes, and collects its rejects and the counts for the ledger."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from pipelines.kili import flatten, locate, packaging, readings, versions
from pipelines.kili.batch import Counts, RecordText
from pipelines.kili.rows import Sighting
from pipelines.kili.stored import KnownAssets
from pipelines.landing import archives, discovery, fingerprints, local_files
from pipelines.settings import Limits

_BATCH_BYTES: Final = 2 << 20


@dataclass(frozen=True)
class NewExport:
    """An export to load.

    `state` is the fingerprint of its files when its id was computed. With `faults`, it represents the unreadable part
    of an export: the whole export, or some files of a folder, whose other files are a separate export.
    """

    landed: discovery.Landed
    export_id: str
    size_bytes: int
    faults: tuple[local_files.Fault, ...] = ()
    state: str | None = None


def unreadable_export(landed: discovery.Landed, faults: Iterable[local_files.Fault]) -> NewExport:
    """Returns the unreadable part of an export as an export with faults."""
    return NewExport(landed, readings.unreadable_id(landed.url), 0, tuple(faults))


@dataclass
class Reader:
    """Reads one export. `ledger_rows` is complete after `add_result` was called for every batch.

    `project_id`: the project of exports that name none; `timezone`: the time zone of README dates; `largest`: the
    bytes of the longest record. The caller may remove `rejects` between batches.
    """

    new: NewExport
    project_id: str | None
    timezone: ZoneInfo
    limits: Limits = field(default_factory=Limits)
    rejects: list[dict[str, Any]] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    largest: int = 0
    sightings: list[Sighting] = field(default_factory=list)
    _layout: str | None = None
    _readme: packaging.Readme = field(default_factory=packaging.Readme)
    _is_unreadable: bool = False
    _has_rejects: bool = False
    _is_read: bool = True
    _unreadable: list[local_files.Fault] = field(default_factory=list)

    def batches(self, known: KnownAssets | None = None) -> Iterator[list[list[RecordText]]]:
        """Yields the records in batches, grouped by asset. An unreadable export yields none and adds a reject.

        Skips records whose text an earlier load has read, and adds their sightings to `sightings`.
        """
        if self.new.faults:
            self._set_unreadable(self.new.faults)
            return
        has_begun = False
        try:
            with packaging.open_export(self.new.landed.path, self.timezone, self.limits) as container:
                self._layout, self._readme = container.layout, container.readme
                for fault in container.faults:
                    self._add_fault(fault)
                layout = locate.locate_records(container, self.limits)
                self._layout = layout.name
                for fault in layout.faults:
                    self.counts.asset_count += 1
                    self.counts.rejected_asset_count += 1
                    self._has_rejects = True
                    self._add_fault(fault)
                for fault in layout.notes:
                    self._add_fault(fault)
                self._add_unreadable(layout.unreadable)
                if known:
                    self._skip_known_records(layout, known)
                self.largest = max((place.size for places in layout.assets for place in places), default=0)
                for batch in _batches(layout):
                    has_begun = True
                    yield batch
            if not self._unreadable and self._has_changed():
                self._add_unreadable([local_files.changed_fault()])
        except archives.Unreadable as error:
            self._is_unreadable = True
            self._reject({"location": "", "reason": str(error)})
        except OSError as error:
            fault = local_files.fault_from(error)
            if has_begun:
                self._add_unreadable([fault])
            else:
                self._set_unreadable([fault])

    def _has_changed(self) -> bool:
        return self.new.state is not None and fingerprints.local(self.new.landed.path).text != self.new.state

    def _set_unreadable(self, faults: Iterable[local_files.Fault]) -> None:
        """Marks the whole export as unreadable, and drops what was read."""
        self._is_read = False
        self.rejects, self.sightings, self._unreadable = [], [], []
        self._add_unreadable(faults)

    def _add_unreadable(self, faults: Iterable[local_files.Fault]) -> None:
        """Adds faults to the unreadable part, which is an export with its own id."""
        for fault in faults:
            self._unreadable.append(fault)
            self._add_fault(fault, readings.unreadable_id(self.new.landed.url))

    def _skip_known_records(self, layout: locate.Layout, known: KnownAssets) -> None:
        hashes = dict.fromkeys(places[0].record_hash for places in layout.assets if len(places) == 1)
        known_records = known.known_records(filter(None, hashes), versions.LOADER_VERSION)
        self.counts.add(known_records.counts)
        self.sightings = list(known_records.sightings.values())
        layout.assets = [
            places
            for places in layout.assets
            if len(places) > 1 or places[0].record_hash not in known_records.sightings
        ]

    def add_result(self, rejects: list[dict[str, Any]], counts: Counts) -> None:
        """Adds the rejects and counts of a batch."""
        for reject in rejects:
            self._reject(reject)
        self.counts.add(counts)

    def ledger_rows(self) -> list[dict[str, Any]]:
        """Returns the rows of `kili.exports`: one for the part that was read, and one for the unreadable part."""
        rows = [self.ledger_row()] if self._is_read else []
        if self._unreadable:
            part = unreadable_export(self.new.landed, self._unreadable)
            rows.append(Reader(part, self.project_id, self.timezone, _is_unreadable=True).ledger_row())
        return rows

    def ledger_row(self) -> dict[str, Any]:
        """Returns the row of `kili.exports` for the part that was read."""
        counts = self.counts
        has_assets = counts.asset_count > counts.rejected_asset_count
        as_of = self._readme.as_of
        return {
            "export_id": self.new.export_id,
            "file_url": self.new.landed.url,
            "layout": self._layout,
            "label_container": None if self._layout == "label_list" else counts.label_container,
            "export_type": self._readme.export_type,
            "project_id": counts.project_id or self._readme.project_id or self.project_id,
            "project_name": self._readme.project_name,
            "as_of": flatten.microseconds(as_of) if as_of else counts.newest,
            "size_bytes": self.new.size_bytes,
            **counts.by_column,
            "is_rejected": self._is_unreadable or (self._has_rejects and not has_assets),
            "loader_version": versions.LOADER_VERSION,
            "loaded_at": flatten.microseconds(datetime.now(UTC)),
        }

    def _reject(self, reject: dict[str, Any]) -> None:
        self._has_rejects = True
        self._add_reject(reject)

    def _add_reject(self, reject: dict[str, Any], export_id: str | None = None) -> None:
        export = {"export_id": export_id or self.new.export_id, "file_url": self.new.landed.url}
        self.rejects.append(export | reject)

    def _add_fault(self, fault: local_files.Fault, export_id: str | None = None) -> None:
        """Adds the reject of an entry, file or other part that is not a record."""
        self._add_reject({"entry": fault.entry, "location": fault.location, "reason": fault.reason}, export_id)


def _batches(layout: locate.Layout) -> Iterator[list[list[RecordText]]]:
    batch: list[list[RecordText]] = []
    size = 0
    for texts in locate.read_records(layout):
        size += sum(len(text.raw) for text in texts)
        batch.append(texts)
        if size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
