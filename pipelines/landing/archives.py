"""What an export is packed in: a JSON file, a zip or a folder, told apart by what is inside and never unpacked."""

import errno
import gzip
import hashlib
import json
import lzma
import os
import re
import stat
import struct
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Final
from zoneinfo import ZoneInfo

from pipelines.landing import discovery, json_records
from pipelines.limits import Limits

_CHUNK: Final = 1 << 20
_IN_MEMORY: Final = 8 << 20
DATA: Final = "data.json"
_LABELS: Final = "labels"
_ZIP: Final = b"PK"
_GZIP: Final = b"\x1f\x8b"
_ENCRYPTED: Final = 1
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
_DAMAGE: Final = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, RuntimeError, ValueError)
_NO_FILES: Final = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_GONE: Final = "it has disappeared"
_DENIED: Final = os.strerror(errno.EACCES)
_MACHINE_FAULTS: Final = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
_NO_DAMAGE: Final = {errno.ENOENT, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE}


class Unreadable(ValueError):
    """A file, or an entry of a zip, that cannot be read as an export; says why."""


@dataclass(frozen=True)
class Readme:
    """What the README of an archive says of it; all null where there is none."""

    project_id: str | None = None
    project_name: str | None = None
    export_type: str | None = None
    format: str | None = None
    as_of: datetime | None = None


@dataclass(frozen=True)
class Document:
    """A JSON document of an export. `entry` is its name inside a zip or folder."""

    entry: str | None
    open: Callable[[], IO[bytes]]


Named = tuple[str, Document]


@dataclass(frozen=True)
class Fault:
    """A part of an export that cannot be read, and why: an entry, or a place in one (JSON pointer)."""

    entry: str | None
    reason: str
    location: str = ""


@dataclass
class Container:
    """An opened export: its documents, README and packing; `layout` is null for bare JSON, whose content tells it.

    `faults` are those of parts that hold no records.
    """

    layout: str | None
    documents: list[Document]
    readme: Readme = field(default_factory=Readme)
    faults: list[Fault] = field(default_factory=list)


def identify(path: Path) -> tuple[str, int]:
    """The export's id and size in bytes: SHA-256 of the file, or of the sorted names and hashes of a folder's files.

    Of a folder, the files that can be read. Raises `OSError`.
    """
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size
    digest, size = hashlib.sha256(), 0
    for inside in listed(path)[0]:
        file_hash, file_size = identify(inside)
        digest.update(os.fsencode(inside.relative_to(path).as_posix()) + f" {file_hash}\n".encode())
        size += file_size
    return digest.hexdigest(), size


def listed(folder: Path) -> tuple[list[Path], list[Fault]]:
    """All files in a folder that can be read, in the order of their names; what in it cannot, and why."""
    files: list[Path] = []
    closed: list[OSError] = []
    found = sorted(Path(place, name) for place, _, names in os.walk(folder, onerror=closed.append) for name in names)
    faults = [Fault(_entry_of(Path(error.filename), folder), _reason(error)) for error in closed]
    for path in found:
        if reason := obstacle(path):
            faults.append(Fault(_entry_of(path, folder), reason))
        else:
            files.append(path)
    return files, sorted(faults, key=lambda fault: fault.entry or "")


def obstacle(path: Path) -> str | None:
    """Why a file or folder cannot be read; null if it can. Opens nothing, since to open a named pipe may take forever.

    A right that the system denies only when a file is opened shows then, as an `OSError`.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return _said("it is a link to what does not exist" if path.is_symlink() else _GONE)
    except OSError as error:
        return _reason(error)
    if kind := next((kind for is_kind, kind in _NO_FILES if is_kind(mode)), None):
        return _said(f"it is {kind}, not a file")
    rights = os.R_OK | os.X_OK if stat.S_ISDIR(mode) else os.R_OK
    is_allowed = os.access(path, rights, effective_ids=os.access in os.supports_effective_ids)
    return None if is_allowed else _said(_DENIED)


def has_documents(folder: Path) -> bool:
    """Whether a folder has files that can be read and that may hold records."""
    return any(_may_hold_records(_entry_of(path, folder)) for path in listed(folder)[0])


def changed() -> Fault:
    """That an export was not the same any more when it had been read."""
    return Fault(None, _said("it changed while it was being read"))


def fault(error: OSError, entry: str | None = None) -> Fault:
    """What cannot be read, and why. A fault of this machine (a full disk) is raised as it is."""
    if error.errno in _MACHINE_FAULTS:
        raise error
    return Fault(entry, _reason(error))


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return _said(_GONE)
    return _said(error.strerror or (_DENIED if isinstance(error, PermissionError) else type(error).__name__))


def _said(what: str) -> str:
    return f"cannot be read: {what}. Every run tries it again"


def _entry_of(path: Path, folder: Path) -> str:
    return discovery.printable(path.relative_to(folder).as_posix())


@contextmanager
def opened(path: Path, zone: ZoneInfo, limits: Limits) -> Iterator[Container]:
    """The export at a path. Raises `Unreadable` if it is none; `zone` is the time zone of README dates."""
    if path.is_dir():
        yield _folder(path, zone, limits)
    elif _starts_with(path, _ZIP):
        with _zip(path) as archive:
            yield _archive(archive, zone, limits)
    else:
        yield Container(None, [Document(None, partial(_plain, path, limits))])


def unreadable(error: Exception, what: str) -> Unreadable:
    """What reading damaged data raised, in words. What no data can raise (a full disk) is raised as it is."""
    if isinstance(error, Unreadable):
        return error
    if isinstance(error, OSError) and error.errno in _MACHINE_FAULTS | _NO_DAMAGE:
        raise error
    return Unreadable(f"{what}: {discovery.printable(str(error) or type(error).__name__)}")


def _starts_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def _plain(path: Path, limits: Limits) -> IO[bytes]:
    if not _starts_with(path, _GZIP):
        return path.open("rb")
    with gzip.open(path) as packed:
        return _spooled(packed, path.stat().st_size, limits)


def _folder(path: Path, zone: ZoneInfo, limits: Limits) -> Container:
    inside = []
    for file in listed(path)[0]:
        name = _entry_of(file, path)
        inside.append((name, Document(name, partial(_inside, path, file, limits))))
    return _packed("folder", inside, zone)


def _inside(folder: Path, file: Path, limits: Limits) -> IO[bytes]:
    if not file.resolve().is_relative_to(folder.resolve()):
        raise Unreadable("a link that leads out of the export")
    return _plain(file, limits)


@contextmanager
def _zip(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(path)
    except (*_DAMAGE, OSError) as error:
        raise unreadable(error, "a damaged or truncated zip") from None
    with archive:
        yield archive


def _archive(archive: zipfile.ZipFile, zone: ZoneInfo, limits: Limits) -> Container:
    """The documents of a zip, at its root or in the folder of its README. A name that comes again gets a number."""
    found = [one for one in archive.infolist() if not one.is_dir() and not one.filename.startswith("__MACOSX/")]
    readmes = sorted((one.filename for one in found if one.filename.split("/")[-1] == discovery.README), key=len)
    root = readmes[0].removesuffix(discovery.README) if readmes else ""
    if not all(readme.startswith(root) for readme in readmes):
        raise Unreadable("a zip of several exports: unpack it and point at the folder")
    seen: Counter[str] = Counter()
    inside, astray = [], []
    for one in found:
        seen[one.filename] += 1
        name = discovery.printable(one.filename.removeprefix(root))
        entry = name if seen[one.filename] == 1 else f"{name} ({seen[one.filename]})"
        if _leads_out(one.filename):
            astray += [Document(entry, _refused)] if name.endswith(".json") else []
        elif one.filename.startswith(root):
            inside.append((name, Document(entry, partial(_entry, archive, one, limits))))
    return _packed("zip", inside, zone, astray)


def _leads_out(name: str) -> bool:
    return name.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", name) or re.match(r"[A-Za-z]:", name) is not None


def _refused() -> IO[bytes]:
    raise Unreadable("its name leads out of the archive: it is not read")


def _packed(kind: str, inside: Sequence[Named], zone: ZoneInfo, astray: Sequence[Document] = ()) -> Container:
    """The export that these files are; entries that are refused by their name are told among its documents."""
    readme, faults = _readme_of(inside, zone)
    if readme and readme.format not in _KILI_FORMATS:
        raise Unreadable(f"this is an export in {readme.format} format: {discovery.EXPORT_AGAIN}")
    documents = _documents(inside)
    if not (documents or astray or readme):
        names = [name for name, _ in inside]
        raise Unreadable(f"{discovery.README}: {faults[0].reason}" if faults else _no_export(names))
    is_single = bool(documents) and all(name == DATA for name, _ in documents)
    layout = f"{kind}_{'single_file' if is_single else 'per_asset'}"
    return Container(layout, [*(document for _, document in documents), *astray], readme or Readme(), faults)


def _readme_of(inside: Sequence[Named], zone: ZoneInfo) -> tuple[Readme | None, list[Fault]]:
    """The README, and what of it cannot be read."""
    found = next((document for name, document in inside if name == discovery.README), None)
    if found is None:
        return None, []
    try:
        with found.open() as file:
            text = file.read(_CHUNK)
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
    """data.json if there is one, else labels/**/*.json without the files of FILE jobs, kept in a folder an asset."""
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
    """The files that an asset's answers name; any other in its folder is an asset whose external id has a slash.

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
    """Those of the files in a folder whose names stand in an asset's text, as UTF-8 or in ASCII escapes."""
    forms = {form: name for name in names for form in _written(name)}
    begins = re.compile(b"|".join(re.escape(form) for form in _written(f"{folder}/")))
    longest = max(map(len, forms)) + 1
    found: set[str] = set()
    try:
        with asset.open() as file:
            text = b""
            while piece := file.read(_CHUNK):
                text = text[-longest:] + piece
                for begin in begins.finditer(text):
                    found |= {forms[form] for form in _quoted(text, begin.start(), longest) if form in forms}
    except (Unreadable, OSError):
        return set()
    return found


def _written(name: str) -> list[bytes]:
    return [json.dumps(name, ensure_ascii=is_ascii)[1:-1].encode() for is_ascii in (False, True)]


def _quoted(text: bytes, begin: int, longest: int) -> Iterator[bytes]:
    """What stands between a place in a JSON text and the next quote, and the ones after it if that is escaped."""
    end = begin
    while (end := text.find(b'"', end, begin + longest)) >= 0:
        yield text[begin:end].rstrip(b"\\")
        if text[end - 1 : end] != b"\\":
            return
        end += 1


def _entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limits: Limits) -> IO[bytes]:
    if info.flag_bits & _ENCRYPTED:
        raise Unreadable("the entry is encrypted: unpack the zip with its password")
    _check(info.file_size, info.compress_size, limits)
    try:
        with archive.open(info) as file:
            return _spooled(file, info.compress_size, limits)
    except (*_DAMAGE, OSError) as error:
        raise unreadable(error, "a damaged entry of the zip") from None


def _spooled(file: IO[bytes] | gzip.GzipFile, packed: int, limits: Limits) -> IO[bytes]:
    """The unpacked bytes, in memory if they are few, else in a temporary file."""
    spool: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)
    size = 0
    try:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            _check(size, packed, limits)
            spool.write(chunk)
    except (*_DAMAGE, OSError) as error:
        spool.close()
        raise unreadable(error, "damaged compressed data") from None
    spool.seek(0)
    return spool


def _check(unpacked: int, packed: int, limits: Limits) -> None:
    if unpacked > limits.entry_bytes:
        raise Unreadable(f"it unpacks to more than {limits.entry_bytes:,} bytes (KILI_MAX_ENTRY_BYTES)")
    if unpacked > max(_CHUNK, packed * limits.ratio):
        raise Unreadable(f"it unpacks to more than {limits.ratio:,} times its packed size (KILI_MAX_RATIO)")


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
