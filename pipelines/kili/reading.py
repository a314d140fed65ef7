"""One export read: its assets flattened a few megabytes at a time, what was rejected, and the counts for the ledger."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from pipelines import containers, landing, limits
from pipelines.kili import answers, flatten, layouts
from pipelines.kili.known import Known
from pipelines.kili.parsing import Counts, Text
from pipelines.kili.rows import Sighting
from pipelines.limits import Limits

LOADER_VERSION: Final = "1"
_BATCH_BYTES: Final = 2 << 20


@dataclass(frozen=True)
class NewExport:
    """An export that the warehouse does not hold yet."""

    landed: landing.Landed
    export_id: str
    size_bytes: int


@dataclass
class Reader:
    """Reads one export. What the ledger says of it is known when all its batches are read and told.

    `project_id` is that of exports that name none; `timezone` that of READMEs' dates. `rejects` may be taken away
    between batches.
    """

    new: NewExport
    project_id: str | None
    timezone: ZoneInfo
    limits: Limits = limits.DEFAULT
    rejects: list[answers.Row] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    largest: int = 0
    sightings: list[Sighting] = field(default_factory=list)
    _layout: str | None = None
    _readme: containers.Readme = field(default_factory=containers.Readme)
    _is_unreadable: bool = False
    _has_rejects: bool = False

    def texts(self, known: Known | None = None) -> Iterator[list[list[Text]]]:
        """The records in batches, those of an asset together. An unreadable export gives none, but a reject.

        Records whose text is known are left out; they are in `sightings` then.
        """
        try:
            with containers.opened(self.new.landed.path, self.timezone, self.limits) as container:
                self._layout, self._readme = container.layout, container.readme
                for fault in container.faults:
                    self._note(fault)
                layout = layouts.of(container, self.limits)
                self._layout = layout.name
                for fault in layout.faults:
                    self.counts.asset_count += 1
                    self.counts.rejected_asset_count += 1
                    self._has_rejects = True
                    self._note(fault)
                if known:
                    self._leave_out(layout, known)
                self.largest = max((place.size for places in layout.assets for place in places), default=0)
                yield from _batches(layout)
        except (containers.Unreadable, OSError) as error:
            self._is_unreadable = True
            self._reject((None, "", None, None, str(containers.unreadable(error, "cannot be read")), None))

    def _leave_out(self, layout: layouts.Layout, known: Known) -> None:
        alone = {places[0].record_hash: places for places in layout.assets if len(places) == 1}
        seen = known.seen([record_hash for record_hash in alone if record_hash], LOADER_VERSION)
        self.counts.add(seen.counts)
        self.sightings = list(seen.sightings.values())
        layout.assets = [
            places for places in layout.assets if len(places) > 1 or places[0].record_hash not in seen.sightings
        ]

    def tell(self, rejects: list[answers.Row], counts: Counts) -> None:
        """Takes note of what became of a batch."""
        for reject in rejects:
            self._reject(reject)
        self.counts.add(counts)

    def ledger_row(self) -> answers.Row:
        """The export's row in `kili.exports`."""
        said = self.counts
        has_assets = said.asset_count > said.rejected_asset_count
        as_of = self._readme.as_of
        return (
            self.new.export_id,
            self.new.landed.url,
            self._layout,
            None if self._layout == "label_list" else said.label_container,
            self._readme.export_type,
            said.project_id or self._readme.project_id or self.project_id,
            self._readme.project_name,
            flatten.microseconds(as_of) if as_of else said.newest,
            self.new.size_bytes,
            said.asset_count,
            said.label_count,
            said.annotation_count,
            said.rejected_asset_count,
            said.rejected_label_count,
            said.duplicate_asset_count,
            said.duplicate_label_count,
            said.unchanged_asset_count,
            self._is_unreadable or (self._has_rejects and not has_assets),
            LOADER_VERSION,
            flatten.microseconds(datetime.now(UTC)),
        )

    def _reject(self, said: answers.Row) -> None:
        self._has_rejects = True
        self.rejects.append((self.new.export_id, self.new.landed.url, *said))

    def _note(self, fault: containers.Fault) -> None:
        """Keeps the reject of what is no record."""
        place = self.new.export_id, self.new.landed.url, fault.entry, fault.location
        self.rejects.append((*place, None, None, fault.reason, None))


def _batches(layout: layouts.Layout) -> Iterator[list[list[Text]]]:
    batch: list[list[Text]] = []
    size = 0
    for texts in layouts.texts(layout):
        size += sum(len(text.raw) for text in texts)
        batch.append(texts)
        if size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
