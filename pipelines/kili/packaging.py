"""Opens a Kili export: a JSON file, or a zip or folder with a README and `data.json` or `labels/`."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Final
from zoneinfo import ZoneInfo

from pipelines.landing import archives, discovery, json_records, local_files
from pipelines.landing.archives import CHUNK, Archive, Document, Named, Unreadable
from pipelines.landing.local_files import Fault
from pipelines.settings import Limits

DATA: Final = "data.json"
_LABELS: Final = "labels"
_KILI_FORMATS: Final = (None, "kili", "raw")
_FOREIGN: Final = (
    (re.compile(r"\.geojson$"), "GeoJSON"),
    (re.compile(r"\.xml$"), "Pascal VOC"),
    (re.compile(r"(^|/)(labels|coco)\.json$"), "COCO"),
    (re.compile(r"(\.txt|(^|/)data\.ya?ml)$"), "YOLO"),
    (re.compile(r"\.zip$"), "zip in zip"),
)
_NO_DATE: Final = (
    "the export date is no date from year 1 to 9999 in UTC, written YYYYMMDD-HHMMSS: "
    "the export is dated as one without a README"
)


@dataclass(frozen=True)
class Readme:
    """The facts in the README of an archive; all null without a README."""

    project_id: str | None = None
    project_name: str | None = None
    export_type: str | None = None
    format: str | None = None
    as_of: datetime | None = None


@dataclass
class Container:
    """An opened export: its documents and README. `layout` is null for a bare JSON file: its content decides.

    `faults`: unreadable parts that hold no records.
    """

    layout: str | None
    documents: list[Document]
    readme: Readme = field(default_factory=Readme)
    faults: list[Fault] = field(default_factory=list)


@contextmanager
def opened(path: Path, zone: ZoneInfo, limits: Limits) -> Iterator[Container]:
    """The export at a path. Raises `Unreadable` if it is none; `zone` is the time zone of README dates."""
    with archives.opened(path, limits) as archive:
        if archive.kind is None:
            yield Container(None, [document for _, document in archive.files])
        else:
            yield _packed(archive, zone)


def has_documents(folder: Path) -> bool:
    """Whether a folder has readable files that may hold records."""
    return any(_may_hold_records(local_files.entry_name(path, folder)) for path in local_files.list_files(folder)[0])


def _packed(archive: Archive, zone: ZoneInfo) -> Container:
    """The export that a zip or folder is. Its documents include the refused entries, so that each is rejected."""
    inside = archive.files
    readme, faults = _readme_of(inside, zone)
    if readme and readme.format not in _KILI_FORMATS:
        raise Unreadable(f"this is an export in {readme.format} format: {discovery.EXPORT_AGAIN}")
    documents = _documents(inside)
    if not (documents or archive.refused or readme):
        names = [name for name, _ in inside]
        raise Unreadable(f"{discovery.README}: {faults[0].reason}" if faults else _no_export(names))
    is_single = bool(documents) and all(name == DATA for name, _ in documents)
    layout = f"{archive.kind}_{'single_file' if is_single else 'per_asset'}"
    return Container(layout, [*(document for _, document in documents), *archive.refused], readme or Readme(), faults)


def _readme_of(inside: Sequence[Named], zone: ZoneInfo) -> tuple[Readme | None, list[Fault]]:
    """The README, and its faults."""
    found = next((document for name, document in inside if name == discovery.README), None)
    if found is None:
        return None, []
    try:
        with found.open() as file:
            text = file.read(CHUNK)
        if encoding := json_records.encoding(text):
            raise Unreadable(f"this is {encoding}")
    except Unreadable as error:
        return None, [Fault(found.entry, str(error))]
    return _readme(text.decode("utf-8", "replace"), found.entry, zone)


def _no_export(names: list[str]) -> str:
    found = next((name for sign, name in _FOREIGN for one in names if sign.search(one)), None)
    if found == "zip in zip":
        return "a zip that holds other zips: unpack it and point at those"
    if found:
        return f"this looks like an export in {found} format: {discovery.EXPORT_AGAIN}"
    return f"a zip without {DATA} or {_LABELS}/*.json is no Kili export"


def _documents(inside: Sequence[Named]) -> list[Named]:
    """`data.json` if there is one, else `labels/**/*.json` without the files of FILE jobs."""
    if data := [one for one in inside if one[0] == DATA]:
        return data
    labels = [one for one in inside if _may_hold_records(one[0])]
    job_files = _job_files(labels)
    return [one for one in sorted(labels, key=_entry_name) if one[0] not in job_files]


def _may_hold_records(name: str) -> bool:
    return name == DATA or (name.startswith(f"{_LABELS}/") and name.endswith(".json"))


def _entry_name(named: Named) -> str:
    return named[1].entry or ""


def _job_files(labels: Sequence[Named]) -> set[str]:
    """The files that the answers of assets name. Any other file in the folder of an asset is an asset of its own.

    Each asset with a folder is opened once.
    """
    assets = dict(labels)
    folders: dict[str, list[str]] = {}
    for name in assets:
        folders.setdefault(str(PurePosixPath(name).parent), []).append(name)
    found: set[str] = set()
    for folder, names in folders.items():
        if asset := assets.get(f"{folder}.json"):
            found |= _named_in(asset, folder, names)
    return found


def _named_in(asset: Document, folder: str, names: list[str]) -> set[str]:
    """The files in a folder whose names are in the text of its asset, as UTF-8 or in ASCII escapes."""
    forms = {form: name for name in names for form in _written(name)}
    begins = re.compile(b"|".join(re.escape(form) for form in _written(f"{folder}/")))
    longest = max(map(len, forms)) + 1
    found: set[str] = set()
    try:
        with asset.open() as file:
            text = b""
            while piece := file.read(CHUNK):
                text = text[-longest:] + piece
                for begin in begins.finditer(text):
                    found |= {forms[form] for form in _quoted(text, begin.start(), longest) if form in forms}
    except (Unreadable, OSError):
        return set()
    return found


def _written(name: str) -> list[bytes]:
    return [json.dumps(name, ensure_ascii=is_ascii)[1:-1].encode() for is_ascii in (False, True)]


def _quoted(text: bytes, begin: int, longest: int) -> Iterator[bytes]:
    """Yields the text from a position to the next quote, and further while the quote is escaped."""
    end = begin
    while (end := text.find(b'"', end, begin + longest)) >= 0:
        yield text[begin:end].rstrip(b"\\")
        if text[end - 1 : end] != b"\\":
            return
        end += 1


def _readme(text: str, entry: str | None, zone: ZoneInfo) -> tuple[Readme, list[Fault]]:
    def value(key: str) -> str | None:
        match = re.search(rf"^- {key}: (.+?)\s*$", text, re.MULTILINE)
        return match[1] if match else None

    date = value("Export date")
    as_of = _export_date(date, zone) if date else None
    readme = Readme(
        project_id=value("Project identifier"),
        project_name=value("Project name"),
        export_type=value("Exported labels"),
        format=value("Exported format"),
        as_of=as_of,
    )
    return readme, [Fault(entry, _NO_DATE)] if date and not as_of else []


def _export_date(text: str, zone: ZoneInfo) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%d-%H%M%S").replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
