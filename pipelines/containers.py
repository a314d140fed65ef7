"""What an export is packed in: a JSON file, a zip or a folder, told apart by what is inside and never unpacked."""

import gzip
import hashlib
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Final
from zoneinfo import ZoneInfo

from pipelines import landing

_CHUNK: Final = 1 << 20
_IN_MEMORY: Final = 8 << 20
_DATA: Final = "data.json"
_LABELS: Final = "labels"
_ZIP: Final = b"PK"
_GZIP: Final = b"\x1f\x8b"
_KILI_FORMATS: Final = (None, "kili", "raw")


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


@dataclass
class Container:
    """An opened export: its documents, README and packing; `layout` is null for bare JSON, whose content tells it."""

    layout: str | None
    documents: list[Document]
    readme: Readme = field(default_factory=Readme)


def identify(path: Path) -> tuple[str, int]:
    """The export's id and size in bytes: SHA-256 of the file, or of the sorted names and hashes of a folder's files."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size
    digest, size = hashlib.sha256(), 0
    for inside in _files(path):
        file_hash, file_size = identify(inside)
        digest.update(f"{inside.relative_to(path).as_posix()} {file_hash}\n".encode())
        size += file_size
    return digest.hexdigest(), size


@contextmanager
def opened(path: Path, zone: ZoneInfo) -> Iterator[Container]:
    """The export at a path. Raises `Unreadable` if it is none; `zone` is the time zone of README dates."""
    if path.is_dir():
        yield _folder(path, zone)
    elif _starts_with(path, _ZIP):
        with _zip(path) as archive:
            yield _archive(archive, zone)
    else:
        yield Container(None, [Document(None, partial(_plain, path))])


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _starts_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def _plain(path: Path) -> IO[bytes]:
    if not _starts_with(path, _GZIP):
        return path.open("rb")
    with gzip.open(path) as packed:
        return _spooled(packed)


def _folder(path: Path, zone: ZoneInfo) -> Container:
    names = {inside.relative_to(path).as_posix(): inside for inside in _files(path)}
    readme = _readme(names[landing.README].read_bytes(), zone)
    documents = [Document(name, partial(_plain, names[name])) for name in _documents(list(names))]
    return _packed("folder", readme, documents)


@contextmanager
def _zip(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise Unreadable(f"a damaged or truncated zip: {error}") from None
    with archive:
        yield archive


def _archive(archive: zipfile.ZipFile, zone: ZoneInfo) -> Container:
    names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")]
    root = next((name.removesuffix(landing.README) for name in names if name.split("/")[-1] == landing.README), "")
    inside = [name.removeprefix(root) for name in names if name.startswith(root)]
    readme = Readme()
    if landing.README in inside:
        with _entry(archive, root + landing.README) as file:
            readme = _readme(file.read(), zone)
    documents = [Document(name, partial(_entry, archive, root + name)) for name in _documents(inside)]
    is_empty_export = not documents and landing.README in inside
    if not documents and not is_empty_export:
        raise Unreadable(f"a zip without {_DATA} or {_LABELS}/*.json is no Kili export")
    return _packed("zip", readme, documents)


def _packed(kind: str, readme: Readme, documents: list[Document]) -> Container:
    if readme.format not in _KILI_FORMATS:
        raise Unreadable(f"this is an export in {readme.format} format: export the project again in Kili's own (kili)")
    layout = "single_file" if [document.entry for document in documents] == [_DATA] else "per_asset"
    return Container(f"{kind}_{layout}", documents, readme)


def _documents(names: list[str]) -> list[str]:
    """data.json if there is one, else labels/**/*.json without the files of FILE jobs, kept in a folder an asset."""
    if _DATA in names:
        return [_DATA]
    labels = sorted({name for name in names if name.startswith(f"{_LABELS}/") and name.endswith(".json")})
    assets = set(labels)
    return [name for name in labels if f"{PurePosixPath(name).parent}.json" not in assets]


def _entry(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    try:
        with archive.open(name) as file:
            return _spooled(file)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as error:
        raise Unreadable(f"a damaged entry of the zip: {error}") from None


def _spooled(file: IO[bytes] | gzip.GzipFile) -> IO[bytes]:
    """The unpacked bytes, in memory if they are few, else in a temporary file."""
    spool: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)
    try:
        shutil.copyfileobj(file, spool, _CHUNK)
    except (zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise Unreadable(f"damaged compressed data: {error}") from None
    spool.seek(0)
    return spool


def _readme(content: bytes, zone: ZoneInfo) -> Readme:
    text = content.decode("utf-8", "replace")

    def value(key: str) -> str | None:
        match = re.search(rf"^- {key}: (.+?)\s*$", text, re.MULTILINE)
        return match[1] if match else None

    return Readme(
        project_id=value("Project identifier"),
        project_name=value("Project name"),
        export_type=value("Exported labels"),
        format=value("Exported format"),
        as_of=_export_date(value("Export date"), zone),
    )


def _export_date(text: str | None, zone: ZoneInfo) -> datetime | None:
    try:
        return datetime.strptime(text or "", "%Y%m%d-%H%M%S").replace(tzinfo=zone)
    except ValueError:
        return None
