"""The records of one opened export, those of the same asset together, each with its place in the file."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any, Final

import msgspec

from pipelines import containers, splitting

_LLM_DUMP: Final = "an LLM dump (kili.llm.export): export the project's labels with export_labels(fmt='raw')"
_COCO: Final = "a COCO file: export the project again in Kili's own format (kili)"
_GEOJSON: Final = "a GeoJSON file: export the project again in Kili's own format (kili)"


_ABSENT: Final = msgspec.Raw()


class _Reference(msgspec.Struct):
    id: str | None = None


class _Head(msgspec.Struct):
    """The keys that tell what a record is, read without the rest of it."""

    id: str | None = None
    labelType: str | None = None
    assetId: str | None = None
    labelOf: _Reference | None = None
    type: Any = None
    chatItems: msgspec.Raw = _ABSENT
    raw_data: msgspec.Raw = _ABSENT
    images: msgspec.Raw = _ABSENT
    annotations: msgspec.Raw = _ABSENT

    @property
    def is_label(self) -> bool:
        return self.labelType is not None

    @property
    def asset_id(self) -> str | None:
        if self.is_label:
            return self.assetId or (self.labelOf.id if self.labelOf else None)
        return self.id

    @property
    def foreign_format(self) -> str | None:
        """What the record is, if it is not Kili's own format, and what to do."""
        if bytes(self.chatItems) or bytes(self.raw_data):
            return _LLM_DUMP
        if bytes(self.images) and bytes(self.annotations):
            return _COCO
        return _GEOJSON if self.type == "FeatureCollection" else None


_HEAD: Final = msgspec.json.Decoder(_Head)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands: its document, its bytes and, as JSON pointer, its place there."""

    document: containers.Document
    span: splitting.Span
    location: str
    is_label: bool


@dataclass(frozen=True)
class Fault:
    """An entry of the export that could not be read, and why."""

    entry: str | None
    reason: str


@dataclass
class Layout:
    """How an export is laid out, where its records are, and which of its entries could not be read."""

    name: str
    assets: list[list[Place]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def of(container: containers.Container) -> Layout:
    """Reads through an export once and finds its records.

    Raises `containers.Unreadable` where the export as a whole cannot be read; a broken entry of several is a fault.
    """
    groups: dict[object, list[Place]] = {}
    faults: list[Fault] = []
    shape = "json_list"
    for document in container.documents:
        try:
            with document.open() as file:
                shape = _collect(document, file, groups)
        except (containers.Unreadable, splitting.NotJson, OSError) as error:
            if len(container.documents) == 1:
                raise containers.Unreadable(str(error)) from None
            faults.append(Fault(document.entry, str(error)))
    return Layout(container.layout or shape, list(groups.values()), faults)


def _collect(document: containers.Document, file: IO[bytes], groups: dict[object, list[Place]]) -> str:
    found = splitting.records(file)
    is_lone = not found.is_list and len(found.spans) == 1
    has_labels = False
    for position, span in enumerate(found.spans):
        head = _head(_read(file, span))
        if position == 0 and head.asset_id is None and (refusal := head.foreign_format):
            raise containers.Unreadable(f"this is {refusal}")
        has_labels = has_labels or head.is_label
        place = Place(document, span, "" if is_lone else f"/{position}", head.is_label)
        groups.setdefault(head.asset_id or place, []).append(place)
    if has_labels:
        return "label_list"
    return "json_list" if found.is_list else "json_object" if is_lone else "json_lines"


def texts(layout: Layout) -> Iterator[list[tuple[Place, bytes]]]:
    """The records' bytes, asset by asset. A document stays open as long as the next record stands in it too."""
    current: containers.Document | None = None
    file: IO[bytes] | None = None
    try:
        for places in layout.assets:
            found = []
            for place in places:
                if file is None or place.document is not current:
                    if file is not None:
                        file.close()
                    current, file = place.document, place.document.open()
                found.append((place, _read(file, place.span)))
            yield found
    finally:
        if file is not None:
            file.close()


def _read(file: IO[bytes], span: splitting.Span) -> bytes:
    file.seek(span[0])
    return file.read(span[1] - span[0])


def _head(raw: bytes) -> _Head:
    try:
        return _HEAD.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _Head()
