"""Opens an export: a JSON file, or a zip or folder with a README and `data.json` or `labels/`."""

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
    """An open_export export: its layout, documents and README.

    `layout` is null for a bare JSON file, whose layout depends on its content. `faults` are about parts of the export
    that contain no records.
    """

    layout: str | None
    documents: list[Document]
    readme: Readme = field(default_factory=Readme)
    faults: list[Fault] = field(default_factory=list)


@contextmanager
def open_export(path: Path, zone: ZoneInfo, limits: Limits) -> Iterator[Container]:
    """Opens the export at a path. `zone` is the time zone of README dates. Raises `Unreadable` if it is no export."""
    with archives.opened(path, limits) as archive:
        if archive.kind is None:
            yield Container(None, [document for _, document in archive.files])
        else:
            yield _archive_container(archive, zone)


def has_documents(folder: Path) -> bool:
    """Whether a folder has readable files that may contain records."""
    return any(_may_contain_records(local_files.entry_name(path, folder)) for path in local_files.list_files(folder)[0])


def _archive_container(archive: Archive, zone: ZoneInfo) -> Container:
    """Returns the export in a zip or folder. Its documents include refused entries, so that each becomes a reject."""
    files = archive.files
    readme, faults = _read_readme(files, zone)
    if readme and readme.format not in _KILI_FORMATS:
        raise Unreadable(f"this is an export in {readme.format} format: {discovery.EXPORT_AGAIN}")
    documents = _documents(files)
    if not (documents or archive.refused or readme):
        names = [name for name, _ in files]
        raise Unreadable(f"{discovery.README}: {faults[0].reason}" if faults else _no_export_reason(names))
    is_single = bool(documents) and all(name == DATA for name, _ in documents)
    layout = f"{archive.kind}_{'single_file' if is_single else 'per_asset'}"
    return Container(layout, [*(document for _, document in documents), *archive.refused], readme or Readme(), faults)


def _read_readme(files: Sequence[Named], zone: ZoneInfo) -> tuple[Readme | None, list[Fault]]:
    """Returns the README and its faults."""
    document = next((document for name, document in files if name == discovery.README), None)
    if document is None:
        return None, []
    try:
        with document.open() as file:
            text = file.read(CHUNK)
        if encoding := json_records.encoding(text):
            raise Unreadable(f"this is {encoding}")
    except Unreadable as error:
        return None, [Fault(document.entry, str(error))]
    return _parse_readme(text.decode("utf-8", "replace"), document.entry, zone)


def _no_export_reason(names: list[str]) -> str:
    foreign_format = next(
        (foreign_format for pattern, foreign_format in _FOREIGN for name in names if pattern.search(name)), None
    )
    if foreign_format == "zip in zip":
        return "a zip that holds other zips: unpack it and point at those"
    if foreign_format:
        return f"this looks like an export in {foreign_format} format: {discovery.EXPORT_AGAIN}"
    return f"a zip without {DATA} or {_LABELS}/*.json is no Kili export"


def _documents(files: Sequence[Named]) -> list[Named]:
    """Returns data.json if it exists, else labels/**/*.json except the files of FILE jobs, a folder for each asset."""
    if data := [(name, document) for name, document in files if name == DATA]:
        return data
    labels = [(name, document) for name, document in files if _may_contain_records(name)]
    job_files = _job_files(labels)
    return [(name, document) for name, document in sorted(labels, key=_entry_name) if name not in job_files]


def _may_contain_records(name: str) -> bool:
    return name == DATA or (name.startswith(f"{_LABELS}/") and name.endswith(".json"))


def _entry_name(file: Named) -> str:
    return file[1].entry or ""


def _job_files(labels: Sequence[Named]) -> set[str]:
    """Returns the names of the files that an asset's answers mention.

    Any other file in an asset's folder is an asset whose external id contains a slash. Each asset with a folder is
    opened once.
    """
    assets = dict(labels)
    folders: dict[str, list[str]] = {}
    for name in assets:
        folders.setdefault(str(PurePosixPath(name).parent), []).append(name)
    job_files: set[str] = set()
    for folder, names in folders.items():
        if asset := assets.get(f"{folder}.json"):
            job_files |= _names_in(asset, folder, names)
    return job_files


def _names_in(asset: Document, folder: str, names: list[str]) -> set[str]:
    """Returns the names of the files in a folder that an asset's text contains, as UTF-8 or with ASCII escapes."""
    names_by_form = {form: name for name in names for form in _json_forms(name)}
    folder_pattern = re.compile(b"|".join(re.escape(form) for form in _json_forms(f"{folder}/")))
    max_length = max(map(len, names_by_form)) + 1
    matches: set[str] = set()
    try:
        with asset.open() as file:
            text = b""
            while piece := file.read(CHUNK):
                text = text[-max_length:] + piece
                for match in folder_pattern.finditer(text):
                    forms = _quoted_forms(text, match.start(), max_length)
                    matches |= {names_by_form[form] for form in forms if form in names_by_form}
    except (Unreadable, OSError):
        return set()
    return matches


def _json_forms(name: str) -> list[bytes]:
    return [json.dumps(name, ensure_ascii=is_ascii)[1:-1].encode() for is_ascii in (False, True)]


def _quoted_forms(text: bytes, begin: int, max_length: int) -> Iterator[bytes]:
    """Yields the text between `begin` and the next quote; if that quote is escaped, also up to the quotes after it."""
    end = begin
    while (end := text.find(b'"', end, begin + max_length)) >= 0:
        yield text[begin:end].rstrip(b"\\")
        if text[end - 1 : end] != b"\\":
            return
        end += 1


def _parse_readme(text: str, entry: str | None, zone: ZoneInfo) -> tuple[Readme, list[Fault]]:
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
