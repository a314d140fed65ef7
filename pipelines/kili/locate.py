"""Finds the records of an opened export, those of one asset together, each with its place in the file."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any, Final

import msgspec

from pipelines.kili import faults, foreign, packaging, parse, replies
from pipelines.kili.batch import Text
from pipelines.landing import archives, discovery, json_records, local_files
from pipelines.settings import Limits

_MANY_NAMELESS: Final = 10_000
_BEGINNING: Final = 1 << 20
_SHORT: Final = 1 << 12
_ABSENT: Final = msgspec.Raw()


class _Head(msgspec.Struct):
    """The keys that identify a record, read without the rest of it."""

    id: Any = None
    labelType: msgspec.Raw = _ABSENT
    jsonResponse: msgspec.Raw = _ABSENT
    assetId: Any = None
    labelOf: Any = None
    type: Any = None
    chatItems: msgspec.Raw = _ABSENT
    raw_data: msgspec.Raw = _ABSENT
    images: msgspec.Raw = _ABSENT
    annotations: msgspec.Raw = _ABSENT

    @property
    def is_label(self) -> bool:
        """Whether the record is a label that names its asset: it has at least one of these keys."""
        asset_id = faults.number_as_text(self.assetId)
        return bool(bytes(self.labelType) or bytes(self.jsonResponse) or asset_id or self.labelOf)

    @property
    def asset_id(self) -> str | None:
        if not self.is_label:
            return _name(self.id)
        return _name(self.assetId) or _name(self.labelOf.get("id") if isinstance(self.labelOf, dict) else None)

    @property
    def foreign_format(self) -> str | None:
        """The name of the record's format with advice, if it is not Kili's; else null."""
        if self.is_label or self.id is not None:
            return None
        if bytes(self.chatItems) or bytes(self.raw_data):
            return "an LLM dump (kili.llm.export): export the project's labels with export_labels(fmt='raw')"
        if bytes(self.images) and bytes(self.annotations):
            return f"a COCO file: {discovery.EXPORT_AGAIN}"
        return f"a GeoJSON file: {discovery.EXPORT_AGAIN}" if self.type in ("FeatureCollection", "Feature") else None


_HEAD: Final = msgspec.json.Decoder(_Head, float_hook=str)
_UNDECODABLE: Final = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


class _Unsure(ValueError):
    """A record is broken or too long, so the quick scan may have found wrong places for the others."""


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a record: its document, bytes and JSON pointer, and the id of its asset.

    `fault`: why the record must not be read; null if it may. `record_hash`: the hash of the record's text.
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
        """The bytes of the record that are read."""
        return _BEGINNING if self.fault else self.span[1] - self.span[0]


@dataclass
class Layout:
    """The layout of an export, the places of its records, and its faults.

    `faults`: damaged entries. `unreadable`: entries that the system does not let us read. `notes`: faults of parts
    without records.
    """

    name: str
    assets: list[list[Place]] = field(default_factory=list)
    faults: list[local_files.Fault] = field(default_factory=list)
    unreadable: list[local_files.Fault] = field(default_factory=list)
    notes: list[local_files.Fault] = field(default_factory=list)


def find_records(container: packaging.Container, limits: Limits) -> Layout:
    """Scans an export once and finds its records.

    Raises `archives.Unreadable` or `OSError` if the export as a whole cannot be read. One broken entry of several is a
    fault.
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
    """Adds the records of a document to those of the same asset. If it raises, it adds none."""
    if refusal := foreign.document(file.read(foreign.BEGINNING)):
        raise archives.Unreadable(f"this is {refusal}")
    found = _Found(document, file)
    try:
        shape, places = _laid_out(found, limits, is_quick=True)
    except (_Unsure, json_records.NotJson):
        found = _Found(document, file)
        shape, places = _laid_out(found, limits, is_quick=False)
    for place in places:
        groups.setdefault(place.asset_id or len(groups), []).append(place)
    notes += found.notes
    return shape


@dataclass
class _Found:
    """The records of a document and of the API replies in it, found lazily."""

    document: archives.Document
    file: IO[bytes]
    notes: list[local_files.Fault] = field(default_factory=list)

    def spans(self, records: json_records.Records, *, is_quick: bool) -> Iterator[tuple[json_records.Span, str]]:
        """Yields the byte span and JSON pointer of each record."""
        has_replies = True
        for position, span in enumerate(records.spans):
            here = "" if records.is_lone else f"/{position}"
            reply = replies.parse(self.file, span) if has_replies else None
            if reply is None:
                has_replies = False
                yield span, here
            elif not reply.lists and records.is_lone:
                raise archives.Unreadable(f"this is {reply.refusal}")
            else:
                yield from self._in_reply(reply, here, is_quick=is_quick)

    def _in_reply(self, reply: replies.Reply, here: str, *, is_quick: bool) -> Iterator[tuple[json_records.Span, str]]:
        if not reply.lists:
            self.notes.append(local_files.Fault(self.document.entry, f"this is {reply.refusal}", here))
        elif reply.has_errors:
            self.notes.append(local_files.Fault(self.document.entry, replies.ERRORS, f"{here}/errors"))
        for pointer, start in reply.lists.items():
            for position, span in enumerate(json_records.items(self.file, start, is_quick=is_quick)):
                yield span, f"{here}{pointer}/{position}"


def _laid_out(found: _Found, limits: Limits, *, is_quick: bool) -> tuple[str, list[Place]]:
    """The layout of a document and the places of its records. `is_quick` trusts brackets; use it if all is JSON."""
    records = json_records.records(found.file, is_quick=is_quick)
    places: list[Place] = []
    has_labels, nameless = False, 0
    for position, (span, location) in enumerate(found.spans(records, is_quick=is_quick)):
        is_readable = span[1] - span[0] <= limits.max_record_bytes
        raw = _read(found.file, span) if is_readable else b""
        head = _head(raw) if is_readable else None
        if head is None and is_quick:
            raise _Unsure
        if head is None and is_readable:
            head = _head(parse.shell(raw)[0])
        record_hash = hashlib.blake2b(raw, digest_size=16).hexdigest() if head and not head.is_label else None
        if position == 0 and head and (refusal := _refusal(head, raw, is_lone=records.is_lone)):
            raise archives.Unreadable(f"this is {refusal}")
        has_labels = has_labels or (head is not None and head.is_label)
        asset_id, is_label = (head.asset_id, head.is_label) if head else (None, has_labels)
        fault = None if is_readable else f"it is longer than {limits.max_record_bytes:,} bytes (KILI_MAX_RECORD_BYTES)"
        places.append(Place(found.document, span, location, asset_id, is_label, fault, record_hash))
        nameless += asset_id is None
        if nameless > max(_MANY_NAMELESS, position / 2):
            raise archives.Unreadable(
                f"no Kili export: {nameless:,} of its first {position + 1:,} records name no asset"
            )
    if has_labels:
        return "label_list", places
    is_object = records.is_lone and any(not place.location for place in places)
    return "json_object" if is_object else "json_list" if records.is_list or records.is_lone else "json_lines", places


def _refusal(head: _Head, raw: bytes, *, is_lone: bool) -> str | None:
    """Why a document is no export, judged by its first record; null if it is one."""
    is_usual = isinstance(head.id, str) and not head.id.isdigit() and not (is_lone and len(raw) < _SHORT)
    return head.foreign_format or (None if is_usual else foreign.record(raw, is_lone=is_lone))


def texts(layout: Layout) -> Iterator[list[Text]]:
    """Yields the bytes of records, asset by asset; of a record with a fault, only the beginning.

    A document stays open while the next record is in it too.
    """
    current: archives.Document | None = None
    file: IO[bytes] | None = None
    try:
        for places in layout.assets:
            found = []
            for place in places:
                if file is None or place.document is not current:
                    if file is not None:
                        file.close()
                    current, file = place.document, place.document.open()
                raw = _read(file, place.span, _BEGINNING if place.fault else None)
                named = place.asset_id, place.is_label, place.fault, place.record_hash
                found.append(Text(place.document.entry, place.location, *named, raw))
            yield found
    finally:
        if file is not None:
            file.close()


def _read(file: IO[bytes], span: json_records.Span, most: int | None = None) -> bytes:
    size = span[1] - span[0]
    file.seek(span[0])
    return file.read(size if most is None else min(size, most))


def _head(raw: bytes) -> _Head | None:
    """The identifying keys of a record; null if it is broken."""
    try:
        return _HEAD.decode(raw)
    except _UNDECODABLE:
        return None


def _name(value: object) -> str | None:
    text = faults.number_as_text(value)
    return text if isinstance(text, str) and text else None
