"""Opens a file, gzip, zip or folder as named documents, which are unpacked one at a time and within limits."""

import errno
import gzip
import hashlib
import lzma
import os
import re
import stat
import struct
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Final, Literal

from pipelines.landing import discovery
from pipelines.settings import Limits

CHUNK: Final = 1 << 20
_IN_MEMORY: Final = 8 << 20
_ZIP: Final = b"PK"
_GZIP: Final = b"\x1f\x8b"
_ENCRYPTED: Final = 1
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
    """A file, or an entry of a zip, that cannot be read as an export. The text says why."""


@dataclass(frozen=True)
class Document:
    """A JSON document of an export. `entry` is its name inside a zip or folder."""

    entry: str | None
    open: Callable[[], IO[bytes]]


Named = tuple[str, Document]


@dataclass
class Archive:
    """An opened file, zip or folder: its files by their names in it; `kind` is null for a bare file.

    `refused` are entries whose names lead out of the archive; to open one raises `Unreadable`.
    """

    kind: Literal["zip", "folder"] | None
    files: list[Named]
    refused: list[Document] = field(default_factory=list)


@dataclass(frozen=True)
class Fault:
    """A part of an export that cannot be read, and why: an entry, or a place in one (JSON pointer)."""

    entry: str | None
    reason: str
    location: str = ""


def identify(path: Path) -> tuple[str, int]:
    """The export's id and size in bytes: SHA-256 of the file, or of the sorted names and hashes of a folder's files.

    Unreadable files of a folder are skipped. Raises `OSError`.
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
    """The readable files in a folder, in the order of their names, and the faults of the others."""
    files: list[Path] = []
    closed: list[OSError] = []
    found = sorted(Path(place, name) for place, _, names in os.walk(folder, onerror=closed.append) for name in names)
    faults = [Fault(entry_of(Path(error.filename), folder), _reason(error)) for error in closed]
    for path in found:
        if reason := obstacle(path):
            faults.append(Fault(entry_of(path, folder), reason))
        else:
            files.append(path)
    return files, sorted(faults, key=lambda fault: fault.entry or "")


def obstacle(path: Path) -> str | None:
    """Why a file or folder cannot be read; null if it can. Opens nothing, because opening a named pipe may block.

    Some systems deny a right only when the file is opened, with an `OSError`.
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


def changed() -> Fault:
    """The fault of an export that changed while it was read."""
    return Fault(None, _said("it changed while it was being read"))


def fault(error: OSError, entry: str | None = None) -> Fault:
    """The fault that an error means. An error of this machine, such as a full disk, is raised again."""
    if error.errno in _MACHINE_FAULTS:
        raise error
    return Fault(entry, _reason(error))


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return _said(_GONE)
    return _said(error.strerror or (_DENIED if isinstance(error, PermissionError) else type(error).__name__))


def _said(what: str) -> str:
    return f"cannot be read: {what}. Every run tries it again"


def entry_of(path: Path, folder: Path) -> str:
    return discovery.printable(path.relative_to(folder).as_posix())


@contextmanager
def opened(path: Path, limits: Limits) -> Iterator[Archive]:
    """The file, zip or folder at a path. Raises `Unreadable`."""
    if path.is_dir():
        yield _folder(path, limits)
    elif _starts_with(path, _ZIP):
        with _zip(path) as archive:
            yield _entries(archive, limits)
    else:
        yield Archive(None, [(path.name, Document(None, partial(_plain, path, limits)))])


def unreadable(error: Exception, what: str) -> Unreadable:
    """The error for damaged data. An error of this machine, such as a full disk, is raised again."""
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


def _folder(path: Path, limits: Limits) -> Archive:
    inside = []
    for file in listed(path)[0]:
        name = entry_of(file, path)
        inside.append((name, Document(name, partial(_inside, path, file, limits))))
    return Archive("folder", inside)


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


def _entries(archive: zipfile.ZipFile, limits: Limits) -> Archive:
    """The files of a zip, at its root or in the folder of its README. Repeated names get a number."""
    found = [one for one in archive.infolist() if not one.is_dir() and not one.filename.startswith("__MACOSX/")]
    readmes = sorted((one.filename for one in found if one.filename.split("/")[-1] == discovery.README), key=len)
    root = readmes[0].removesuffix(discovery.README) if readmes else ""
    if not all(readme.startswith(root) for readme in readmes):
        raise Unreadable("a zip of several exports: unpack it and point at the folder")
    seen: Counter[str] = Counter()
    inside, refused = [], []
    for one in found:
        seen[one.filename] += 1
        name = discovery.printable(one.filename.removeprefix(root))
        entry = name if seen[one.filename] == 1 else f"{name} ({seen[one.filename]})"
        if _leads_out(one.filename):
            refused += [Document(entry, _refused)] if name.endswith(".json") else []
        elif one.filename.startswith(root):
            inside.append((name, Document(entry, partial(_entry, archive, one, limits))))
    return Archive("zip", inside, refused)


def _leads_out(name: str) -> bool:
    return name.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", name) or re.match(r"[A-Za-z]:", name) is not None


def _refused() -> IO[bytes]:
    raise Unreadable("its name leads out of the archive: it is not read")


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
        while chunk := file.read(CHUNK):
            size += len(chunk)
            _check(size, packed, limits)
            spool.write(chunk)
    except (*_DAMAGE, OSError) as error:
        spool.close()
        raise unreadable(error, "damaged compressed data") from None
    spool.seek(0)
    return spool


def _check(unpacked: int, packed: int, limits: Limits) -> None:
    if unpacked > limits.max_entry_bytes:
        raise Unreadable(f"it unpacks to more than {limits.max_entry_bytes:,} bytes (KILI_MAX_ENTRY_BYTES)")
    ratio = limits.max_compression_ratio
    if unpacked > max(CHUNK, packed * ratio):
        raise Unreadable(f"it unpacks to more than {ratio:,} times its packed size (KILI_MAX_COMPRESSION_RATIO)")
