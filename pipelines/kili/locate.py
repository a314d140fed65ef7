"""Locates the records of an opened export and groups them by asset."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Final

from pipelines.kili import foreign, packaging, parse, record_heads, replies
from pipelines.kili.batch import RecordText
from pipelines.landing import archives, json_records, local_files
from pipelines.settings import Limits

_MAX_NAMELESS: Final = 10_000
_MAX_REJECT_BYTES: Final = 1 << 20
_SHORT_RECORD_BYTES: Final = 1 << 12


class _NeedsSlowScan(ValueError):
    """A record is broken or too long. Only a scan that also reads strings then locates the other records reliably."""


@dataclass(frozen=True, slots=True)
class Place:
    """The location of a record: its document, its bytes, its JSON pointer (`location`) and the asset that it names.

    `fault` is the reason not to parse the record, else null. `record_hash` is the hash of an asset record's text.
    """

    document: archives.Document
    span: json_records.Span
    location: str
    asset_id: str | None
    is_label: bool
    fault: str | None = None
    record_hash: str | None = None

    @property
    def size(self) -> int:
        """The number of bytes of the record that will be read."""
        return _MAX_REJECT_BYTES if self.fault else self.span[1] - self.span[0]


@dataclass
class Layout:
    """The layout of an export, and the places of its records by asset.

    `faults` are about damaged entries, `unreadable` about entries that the operating system fails to read, and `notes`
    about parts without records.
    """

    name: str
    assets: list[list[Place]] = field(default_factory=list)
    faults: list[local_files.Fault] = field(default_factory=list)
    unreadable: list[local_files.Fault] = field(default_factory=list)
    notes: list[local_files.Fault] = field(default_factory=list)


def locate_records(container: packaging.Container, limits: Limits) -> Layout:
    """Returns the places of an export's records after one pass over its documents.

    Raises `archives.Unreadable` or `OSError` if the whole export cannot be read. A broken document among several
    becomes a fault.
    """
    layout = Layout(container.layout or "json_list")
    groups: dict[str | int, list[Place]] = {}
    for document in container.documents:
        try:
            with document.open() as file:
                shape = _collect(document, file, limits, groups, layout.notes)
                layout.name = container.layout or shape
        except (archives.Unreadable, json_records.NotJson) as error:
            if len(container.documents) == 1:
                raise archives.Unreadable(str(error)) from None
            layout.faults.append(local_files.Fault(document.entry, str(error)))
        except OSError as error:
            if len(container.documents) == 1:
                raise
            layout.unreadable.append(local_files.fault_from(error, document.entry))
    layout.assets = list(groups.values())
    return layout


def _collect(
    document: archives.Document,
    file: IO[bytes],
    limits: Limits,
    groups: dict[str | int, list[Place]],
    notes: list[local_files.Fault],
) -> str:
    """Adds the places of a document's records to the groups of their assets, and returns the document's layout.

    Adds nothing if it raises.
    """
    if foreign_format := foreign.identify_document(file.read(foreign.BEGINNING)):
        raise archives.Unreadable(f"this is {foreign_format}")
    scan = _Scan(document, file)
    try:
        layout_name, places = _scan_records(scan, limits, is_quick=True)
    except (_NeedsSlowScan, json_records.NotJson):
        scan = _Scan(document, file)
        layout_name, places = _scan_records(scan, limits, is_quick=False)
    for place in places:
        groups.setdefault(place.asset_id or len(groups), []).append(place)
    notes += scan.notes
    return layout_name


@dataclass
class _Scan:
    """One pass over a document. Records inside replies of Kili's API count as records of the document."""

    document: archives.Document
    file: IO[bytes]
    notes: list[local_files.Fault] = field(default_factory=list)

    def spans(self, records: json_records.Records, *, is_quick: bool) -> Iterator[tuple[json_records.Span, str]]:
        """Yields the bytes and the JSON pointer of each record."""
        has_replies = True
        for position, span in enumerate(records.spans):
            location = "" if records.is_lone else f"/{position}"
            reply = replies.find_reply(self.file, span) if has_replies else None
            if reply is None:
                has_replies = False
                yield span, location
            elif not reply.lists and records.is_lone:
                raise archives.Unreadable(f"this is {reply.refusal}")
            else:
                yield from self._in_reply(reply, location, is_quick=is_quick)

    def _in_reply(
        self, reply: replies.Reply, location: str, *, is_quick: bool
    ) -> Iterator[tuple[json_records.Span, str]]:
        if not reply.lists:
            self.notes.append(local_files.Fault(self.document.entry, f"this is {reply.refusal}", location))
        elif reply.has_errors:
            self.notes.append(local_files.Fault(self.document.entry, replies.ERRORS, f"{location}/errors"))
        for pointer, start in reply.lists.items():
            for position, span in enumerate(json_records.items(self.file, start, is_quick=is_quick)):
                yield span, f"{location}{pointer}/{position}"


def _scan_records(scan: _Scan, limits: Limits, *, is_quick: bool) -> tuple[str, list[Place]]:
    """Returns the layout of a document and the places of its records.

    The quick scan raises `_NeedsSlowScan` for a record that is not JSON or too long.
    """
    records = json_records.records(scan.file, is_quick=is_quick)
    places: list[Place] = []
    has_labels, nameless = False, 0
    for position, (span, location) in enumerate(scan.spans(records, is_quick=is_quick)):
        is_readable = span[1] - span[0] <= limits.max_record_bytes
        raw = _read(scan.file, span) if is_readable else b""
        head = record_heads.read_head(raw) if is_readable else None
        if head is None and is_quick:
            raise _NeedsSlowScan
        if head is None and is_readable:
            head = record_heads.read_head(parse.split_labels(raw)[0])
        record_hash = hashlib.blake2b(raw, digest_size=16).hexdigest() if head and not head.is_label else None
        if position == 0 and head and (foreign_format := _foreign_format(head, raw, is_lone=records.is_lone)):
            raise archives.Unreadable(f"this is {foreign_format}")
        has_labels = has_labels or (head is not None and head.is_label)
        asset_id, is_label = (head.asset_id, head.is_label) if head else (None, has_labels)
        fault = None if is_readable else f"it is longer than {limits.max_record_bytes:,} bytes (KILI_MAX_RECORD_BYTES)"
        places.append(Place(scan.document, span, location, asset_id, is_label, fault, record_hash))
        nameless += asset_id is None
        if nameless > max(_MAX_NAMELESS, position / 2):
            raise archives.Unreadable(
                f"no Kili export: {nameless:,} of its first {position + 1:,} records name no asset"
            )
    if has_labels:
        return "label_list", places
    is_object = records.is_lone and any(not place.location for place in places)
    return "json_object" if is_object else "json_list" if records.is_list or records.is_lone else "json_lines", places


def _foreign_format(head: record_heads.Head, raw: bytes, *, is_lone: bool) -> str | None:
    """Returns the format of a document that is no export, judged by its first record, with the remedy.

    A record that looks usual is not decoded a second time.
    """
    is_usual = isinstance(head.id, str) and not head.id.isdigit() and not (is_lone and len(raw) < _SHORT_RECORD_BYTES)
    return head.foreign_format or (None if is_usual else foreign.identify_record(raw, is_lone=is_lone))


def read_records(layout: Layout) -> Iterator[list[RecordText]]:
    """Yields the texts of each asset's records; for a record with a fault, only the first bytes.

    A document stays open while consecutive records come from it.
    """
    current: archives.Document | None = None
    file: IO[bytes] | None = None
    try:
        for places in layout.assets:
            texts = []
            for place in places:
                if file is None or place.document is not current:
                    if file is not None:
                        file.close()
                    current, file = place.document, place.document.open()
                raw = _read(file, place.span, _MAX_REJECT_BYTES if place.fault else None)
                texts.append(
                    RecordText(
                        place.document.entry,
                        place.location,
                        place.asset_id,
                        place.is_label,
                        place.fault,
                        place.record_hash,
                        raw,
                    )
                )
            yield texts
    finally:
        if file is not None:
            file.close()


def _read(file: IO[bytes], span: json_records.Span, max_bytes: int | None = None) -> bytes:
    size = span[1] - span[0]
    file.seek(span[0])
    return file.read(size if max_bytes is None else min(size, max_bytes))
