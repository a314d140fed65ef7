"""One export read: its assets flattened a few megabytes at a time, what was rejected, and the counts for the ledger."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

import pydantic

from pipelines import containers, landing, limits
from pipelines.kili import answers, export, flatten, layouts
from pipelines.limits import Limits

LOADER_VERSION: Final = "1"
_BATCH_BYTES: Final = 8 << 20
_INSTANT: Final = pydantic.TypeAdapter(datetime)


@dataclass(frozen=True)
class NewExport:
    """An export that the warehouse does not hold yet."""

    landed: landing.Landed
    export_id: str
    size_bytes: int


@dataclass
class Reader:
    """Reads one export. What the ledger says of it is known when `assets` is exhausted.

    `project_id` is that of exports that name none; `timezone` that of READMEs' dates. `rejects` may be taken away
    between batches.
    """

    new: NewExport
    project_id: str | None
    timezone: ZoneInfo
    limits: Limits = limits.DEFAULT
    rejects: list[answers.Row] = field(default_factory=list)
    annotation_count: int = 0
    unchanged_asset_count: int = 0
    _layout: str | None = None
    _readme: containers.Readme = field(default_factory=containers.Readme)
    _asset_count: int = 0
    _label_count: int = 0
    _rejected_asset_count: int = 0
    _rejected_label_count: int = 0
    _duplicate_asset_count: int = 0
    _is_unreadable: bool = False
    _has_rejects: bool = False
    _has_assets: bool = False
    _label_container: str | None = None
    _own_project_id: str | None = None
    _newest: int | None = None

    def assets(self) -> Iterator[list[flatten.FlatAsset]]:
        """The assets of the export, each once, in batches. An export that cannot be read gives none, but a reject."""
        try:
            with containers.opened(self.new.landed.path, self.timezone, self.limits) as container:
                self._layout, self._readme = container.layout, container.readme
                layout = layouts.of(container, self.limits)
                self._layout = layout.name
                yield from self._batches(layout)
        except (containers.Unreadable, OSError) as error:
            self._is_unreadable = True
            self._reject(None, "", str(containers.unreadable(error, "cannot be read")))

    def ledger_row(self) -> answers.Row:
        """The export's row in `kili.exports`."""
        has_nothing = self._has_rejects and not self._has_assets
        as_of = self._readme.as_of
        return (
            self.new.export_id,
            self.new.landed.url,
            self._layout,
            self._label_container,
            self._readme.export_type,
            self._own_project_id or self._readme.project_id or self.project_id,
            self._readme.project_name,
            flatten.microseconds(as_of) if as_of else self._newest,
            self.new.size_bytes,
            self._asset_count,
            self._label_count,
            self.annotation_count,
            self._rejected_asset_count,
            self._rejected_label_count,
            self._duplicate_asset_count,
            self.unchanged_asset_count,
            self._is_unreadable or has_nothing,
            LOADER_VERSION,
            flatten.microseconds(datetime.now(UTC)),
        )

    def _batches(self, layout: layouts.Layout) -> Iterator[list[flatten.FlatAsset]]:
        for fault in layout.faults:
            self._asset_count += 1
            self._rejected_asset_count += 1
            self._reject(fault.entry, "", fault.reason)
        batch: list[flatten.FlatAsset] = []
        size = 0
        for found in layouts.texts(layout):
            size += sum(len(raw) for _, raw in found)
            batch += self._asset(found)
            if size >= _BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _asset(self, found: list[tuple[layouts.Place, bytes]]) -> Iterator[flatten.FlatAsset]:
        """The asset that these records are of; none if all of them are broken."""
        records = [(place, record) for place, raw in found if (record := self._record(place, raw)) is not None]
        own = sum(not place.is_label for place, _ in records)
        self._asset_count += sum(not place.is_label for place, _ in found)
        if not records:
            return
        self._asset_count += own == 0  # in a list of labels an asset has no record of its own
        self._duplicate_asset_count += max(own - 1, 0)
        for _, record in records:
            self._note(record)
        asset = flatten.asset(flatten.united([record for _, record in records]))
        self._has_assets = True
        self._label_count += len(asset.labels)
        yield asset

    def _record(self, place: layouts.Place, raw: bytes) -> export.Asset | None:
        try:
            record, broken = self._read(place, raw)
        except export.BrokenRecord as error:
            self._rejected_asset_count += not place.is_label
            self._label_count += error.label_count
            self._rejected_label_count += error.label_count
            self._reject(
                place.document.entry,
                place.location,
                str(error),
                export.text_of(raw),
                error.asset_id,
                error.external_id,
            )
            return None
        self._label_count += len(broken)
        self._rejected_label_count += len(broken)
        for label in broken:
            self._reject(
                place.document.entry,
                place.location + label.location,
                label.reason,
                label.raw,
                record["id"],
                record.get("externalId"),
            )
        return record

    def _read(self, place: layouts.Place, raw: bytes) -> tuple[export.Asset, list[export.BrokenLabel]]:
        if place.fault:
            raise export.BrokenRecord(place.fault)
        record, broken = export.read_asset(raw, is_label=place.is_label)
        if record["id"] != place.asset_id:  # the quick look at it, which nests less deeply, saw no id
            labels = len(export.labels_of(record)) + len(broken)
            raise export.BrokenRecord("nested too deeply to be read", record, labels)
        return record, broken

    def _note(self, record: export.Asset) -> None:
        """Keeps what the ledger says of the export as a whole."""
        self._own_project_id = self._own_project_id or record.get("projectId")
        if self._label_container is None and self._layout != "label_list":
            said_under = (key for key in export.LABEL_CONTAINERS if record.get(key) is not None)
            self._label_container = next(said_under, None)
        said: list[dict[str, Any]] = [cast(dict[str, Any], one) for one in (record, *export.labels_of(record))]
        for instant in (_instant(one.get(key)) for one in said for key in ("createdAt", "updatedAt")):
            if instant is not None and (self._newest is None or instant > self._newest):
                self._newest = instant

    def _reject(
        self,
        entry: str | None,
        location: str,
        reason: str,
        raw: str | None = None,
        asset_id: str | None = None,
        external_id: str | None = None,
    ) -> None:
        self._has_rejects = True
        place = (self.new.export_id, self.new.landed.url, entry, location)
        self.rejects.append((*place, asset_id, external_id, reason, raw))


def _instant(value: object) -> int | None:
    if value is None:
        return None
    try:
        return flatten.microseconds(value if isinstance(value, datetime) else _INSTANT.validate_python(value))
    except (pydantic.ValidationError, OverflowError):
        return None
