"""Reads one export a few megabytes at a time, and collects its rejects and counts for the ledger."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from pipelines.kili import flatten, locate, packaging, readings, versions
from pipelines.kili.batch import Counts, Text
from pipelines.kili.rows import Sighting
from pipelines.kili.stored import Known
from pipelines.landing import archives, discovery, fingerprints, local_files
from pipelines.settings import Limits

_BATCH_BYTES: Final = 2 << 20


@dataclass(frozen=True)
class NewExport:
    """An export that the warehouse does not hold yet.

    `state` is the fingerprint of its files when it was identified. With `faults`, it represents the unreadable part of
    an export: all of it, or some files of a folder. The other files of that folder are an export of their own.
    """

    landed: discovery.Landed
    export_id: str
    size_bytes: int
    faults: tuple[local_files.Fault, ...] = ()
    state: str | None = None


def unreadable(landed: discovery.Landed, faults: Iterable[local_files.Fault]) -> NewExport:
    """The unreadable part of an export."""
    return NewExport(landed, readings.unreadable_id(landed.url), 0, tuple(faults))


@dataclass
class Reader:
    """Reads one export. Its ledger row is complete after `add_results` of all its batches.

    `project_id`: the project of exports that name none. `timezone`: the zone of README dates. The caller may empty
    `rejects` between batches.
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

    def texts(self, known: Known | None = None) -> Iterator[list[list[Text]]]:
        """Yields the records in batches, those of an asset together. An unreadable export adds a reject instead.

        Records with known text are skipped, and added to `sightings`.
        """
        if self.new.faults:
            self._give_up(self.new.faults)
            return
        has_begun = False
        try:
            with packaging.opened(self.new.landed.path, self.timezone, self.limits) as container:
                self._layout, self._readme = container.layout, container.readme
                for fault in container.faults:
                    self._note(fault)
                layout = locate.find_records(container, self.limits)
                self._layout = layout.name
                for fault in layout.faults:
                    self.counts.asset_count += 1
                    self.counts.rejected_asset_count += 1
                    self._has_rejects = True
                    self._note(fault)
                for fault in layout.notes:
                    self._note(fault)
                self._set_apart(layout.unreadable)
                if known:
                    self._leave_out(layout, known)
                self.largest = max((place.size for places in layout.assets for place in places), default=0)
                for batch in _batches(layout):
                    has_begun = True
                    yield batch
            if not self._unreadable and self._has_changed():
                self._set_apart([local_files.changed_fault()])
        except archives.Unreadable as error:
            self._is_unreadable = True
            self._reject({"location": "", "reason": str(error)})
        except OSError as error:
            fault = local_files.fault_from(error)
            if has_begun:
                self._set_apart([fault])
            else:
                self._give_up([fault])

    def _has_changed(self) -> bool:
        return self.new.state is not None and fingerprints.local(self.new.landed.path).text != self.new.state

    def _give_up(self, faults: Iterable[local_files.Fault]) -> None:
        """Drops everything read so far, and records that the export cannot be read."""
        self._is_read = False
        self.rejects, self.sightings, self._unreadable = [], [], []
        self._set_apart(faults)

    def _set_apart(self, faults: Iterable[local_files.Fault]) -> None:
        """Records the unreadable parts as an export of their own."""
        for fault in faults:
            self._unreadable.append(fault)
            self._note(fault, readings.unreadable_id(self.new.landed.url))

    def _leave_out(self, layout: locate.Layout, known: Known) -> None:
        alone = {places[0].record_hash: places for places in layout.assets if len(places) == 1}
        seen = known.seen([record_hash for record_hash in alone if record_hash], versions.LOADER_VERSION)
        self.counts.add(seen.counts)
        self.sightings = list(seen.sightings.values())
        layout.assets = [
            places for places in layout.assets if len(places) > 1 or places[0].record_hash not in seen.sightings
        ]

    def add_results(self, rejects: list[dict[str, Any]], counts: Counts) -> None:
        """Adds the rejects and counts of a batch."""
        for reject in rejects:
            self._reject(reject)
        self.counts.add(counts)

    def ledger_rows(self) -> list[dict[str, Any]]:
        """The rows of `kili.exports`: one for the export, and one if it, or a part of it, could not be read."""
        rows = [self.ledger_row()] if self._is_read else []
        if self._unreadable:
            part = unreadable(self.new.landed, self._unreadable)
            rows.append(Reader(part, self.project_id, self.timezone, _is_unreadable=True).ledger_row())
        return rows

    def ledger_row(self) -> dict[str, Any]:
        """The export's own row in `kili.exports`."""
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
        place = {"export_id": export_id or self.new.export_id, "file_url": self.new.landed.url}
        self.rejects.append(place | reject)

    def _note(self, fault: local_files.Fault, export_id: str | None = None) -> None:
        """Adds a reject of a part that is no record."""
        self._add_reject({"entry": fault.entry, "location": fault.location, "reason": fault.reason}, export_id)


def _batches(layout: locate.Layout) -> Iterator[list[list[Text]]]:
    batch: list[list[Text]] = []
    size = 0
    for texts in locate.texts(layout):
        size += sum(len(text.raw) for text in texts)
        batch.append(texts)
        if size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
