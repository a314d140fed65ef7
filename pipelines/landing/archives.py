"""Opens a file, gzip, zip or folder as named documents. Unpacks one document at a time, within limits."""

import errno
import gzip
import lzma
import re
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

from pipelines.landing import discovery, local_files
from pipelines.settings import Limits

CHUNK: Final = 1 << 20
_MAX_IN_MEMORY: Final = 8 << 20
_ZIP_MAGIC: Final = b"PK"
_GZIP_MAGIC: Final = b"\x1f\x8b"
_ENCRYPTED_FLAG: Final = 1
_DAMAGE: Final = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, RuntimeError, ValueError)
_FILE_ERRORS: Final = {errno.ENOENT, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE}


class Unreadable(ValueError):
    """A file, or an entry of a zip, cannot be read as an export. The message is the reason."""


@dataclass(frozen=True)
class Document:
    """A JSON document of an export. `entry` is its name inside a zip or folder."""

    entry: str | None
    open: Callable[[], IO[bytes]]


Named = tuple[str, Document]


@dataclass
class Archive:
    """An opened file, zip or folder: its documents with their names; `kind` is null for a plain or gzip file.

    `refused` are entries whose names lead out of the archive (path traversal). Opening one raises `Unreadable`.
    """

    kind: Literal["zip", "folder"] | None
    files: list[Named]
    refused: list[Document] = field(default_factory=list)


@contextmanager
def opened(path: Path, limits: Limits) -> Iterator[Archive]:
    """Opens the file, zip or folder at a path. Raises `Unreadable`."""
    if path.is_dir():
        yield _folder_archive(path, limits)
    elif _starts_with(path, _ZIP_MAGIC):
        with _open_zip(path) as archive:
            yield _zip_archive(archive, limits)
    else:
        yield Archive(None, [(path.name, Document(None, partial(_open_file, path, limits)))])


def unreadable(error: Exception, what: str) -> Unreadable:
    """The `Unreadable` for an error that damaged data raised. Raises the error again if data cannot cause it."""
    if isinstance(error, Unreadable):
        return error
    if isinstance(error, OSError) and error.errno in local_files.MACHINE_ERRORS | _FILE_ERRORS:
        raise error
    return Unreadable(f"{what}: {discovery.printable(str(error) or type(error).__name__)}")


def _starts_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def _open_file(path: Path, limits: Limits) -> IO[bytes]:
    if not _starts_with(path, _GZIP_MAGIC):
        return path.open("rb")
    with gzip.open(path) as packed:
        return _unpack(packed, path.stat().st_size, limits)


def _folder_archive(path: Path, limits: Limits) -> Archive:
    named = []
    for file in local_files.list_files(path)[0]:
        name = local_files.entry_name(file, path)
        named.append((name, Document(name, partial(_open_in_folder, path, file, limits))))
    return Archive("folder", named)


def _open_in_folder(folder: Path, file: Path, limits: Limits) -> IO[bytes]:
    if not file.resolve().is_relative_to(folder.resolve()):
        raise Unreadable("a link that leads out of the export")
    return _open_file(file, limits)


@contextmanager
def _open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(path)
    except (*_DAMAGE, OSError) as error:
        raise unreadable(error, "a damaged or truncated zip") from None
    with archive:
        yield archive


def _zip_archive(archive: zipfile.ZipFile, limits: Limits) -> Archive:
    """The files of a zip, at its root or in the folder of its README. A repeated name gets a number."""
    infos = [info for info in archive.infolist() if not info.is_dir() and not info.filename.startswith("__MACOSX/")]
    readmes = sorted((info.filename for info in infos if info.filename.split("/")[-1] == discovery.README), key=len)
    root = readmes[0].removesuffix(discovery.README) if readmes else ""
    if not all(readme.startswith(root) for readme in readmes):
        raise Unreadable("a zip of several exports: unpack it and point at the folder")
    counts: Counter[str] = Counter()
    named, refused = [], []
    for info in infos:
        counts[info.filename] += 1
        name = discovery.printable(info.filename.removeprefix(root))
        entry = name if counts[info.filename] == 1 else f"{name} ({counts[info.filename]})"
        if _leads_out(info.filename):
            refused += [Document(entry, _open_refused)] if name.endswith(".json") else []
        elif info.filename.startswith(root):
            named.append((name, Document(entry, partial(_open_zip_entry, archive, info, limits))))
    return Archive("zip", named, refused)


def _leads_out(name: str) -> bool:
    return name.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", name) or re.match(r"[A-Za-z]:", name) is not None


def _open_refused() -> IO[bytes]:
    raise Unreadable("its name leads out of the archive: it is not read")


def _open_zip_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limits: Limits) -> IO[bytes]:
    if info.flag_bits & _ENCRYPTED_FLAG:
        raise Unreadable("the entry is encrypted: unpack the zip with its password")
    _check_limits(info.file_size, info.compress_size, limits)
    try:
        with archive.open(info) as file:
            return _unpack(file, info.compress_size, limits)
    except (*_DAMAGE, OSError) as error:
        raise unreadable(error, "a damaged entry of the zip") from None


def _unpack(file: IO[bytes] | gzip.GzipFile, packed_size: int, limits: Limits) -> IO[bytes]:
    """The unpacked bytes, in memory up to 8 MB, else in a temporary file."""
    unpacked: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_MAX_IN_MEMORY)
    size = 0
    try:
        while chunk := file.read(CHUNK):
            size += len(chunk)
            _check_limits(size, packed_size, limits)
            unpacked.write(chunk)
    except (*_DAMAGE, OSError) as error:
        unpacked.close()
        raise unreadable(error, "damaged compressed data") from None
    unpacked.seek(0)
    return unpacked


def _check_limits(unpacked: int, packed: int, limits: Limits) -> None:
    if unpacked > limits.max_entry_bytes:
        raise Unreadable(f"it unpacks to more than {limits.max_entry_bytes:,} bytes (KILI_MAX_ENTRY_BYTES)")
    ratio = limits.max_compression_ratio
    if unpacked > max(CHUNK, packed * ratio):
        raise Unreadable(f"it unpacks to more than {ratio:,} times its packed size (KILI_MAX_COMPRESSION_RATIO)")
