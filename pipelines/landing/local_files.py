"""Local files and folders of exports: their content ids, their files, and why some of them cannot be read."""

import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipelines.landing import discovery

MACHINE_ERRORS: Final = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
"""Error numbers that no export causes, such as that of a full disk."""

_SPECIAL_FILES: Final = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_GONE: Final = "it has disappeared"
_DENIED: Final = os.strerror(errno.EACCES)


@dataclass(frozen=True)
class Fault:
    """A part of an export that cannot be read: its name in the archive, the reason, and a JSON pointer in it."""

    entry: str | None
    reason: str
    location: str = ""


def identify(path: Path) -> tuple[str, int]:
    """The export's id and size in bytes: SHA-256 of the file, or of the sorted names and hashes of a folder's files.

    Files in a folder that cannot be read are left out. Raises `OSError`.
    """
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size
    digest, size = hashlib.sha256(), 0
    for file_path in list_files(path)[0]:
        file_hash, file_size = identify(file_path)
        digest.update(os.fsencode(file_path.relative_to(path).as_posix()) + f" {file_hash}\n".encode())
        size += file_size
    return digest.hexdigest(), size


def list_files(folder: Path) -> tuple[list[Path], list[Fault]]:
    """All files in a folder that can be read, sorted by name, and the faults of the others."""
    files: list[Path] = []
    errors: list[OSError] = []
    paths = sorted(Path(place, name) for place, _, names in os.walk(folder, onerror=errors.append) for name in names)
    faults = [Fault(entry_name(Path(error.filename), folder), _reason(error)) for error in errors]
    for path in paths:
        if reason := why_unreadable(path):
            faults.append(Fault(entry_name(path, folder), reason))
        else:
            files.append(path)
    return files, sorted(faults, key=lambda fault: fault.entry or "")


def why_unreadable(path: Path) -> str | None:
    """The reason why a file or folder cannot be read; null if it can.

    Does not open the file, because opening a named pipe may block forever. So it misses permissions that the system
    checks only when it opens a file; these raise an `OSError` later.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return _sentence("it is a link to what does not exist" if path.is_symlink() else _GONE)
    except OSError as error:
        return _reason(error)
    if kind := next((kind for is_kind, kind in _SPECIAL_FILES if is_kind(mode)), None):
        return _sentence(f"it is {kind}, not a file")
    rights = os.R_OK | os.X_OK if stat.S_ISDIR(mode) else os.R_OK
    is_allowed = os.access(path, rights, effective_ids=os.access in os.supports_effective_ids)
    return None if is_allowed else _sentence(_DENIED)


def changed_fault() -> Fault:
    """The fault of an export that changed while it was read."""
    return Fault(None, _sentence("it changed while it was being read"))


def fault_from(error: OSError, entry: str | None = None) -> Fault:
    """The fault of a file, from the error of reading it. Raises the error again if the machine caused it."""
    if error.errno in MACHINE_ERRORS:
        raise error
    return Fault(entry, _reason(error))


def entry_name(path: Path, folder: Path) -> str:
    """The name of a file inside an export folder."""
    return discovery.printable(path.relative_to(folder).as_posix())


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return _sentence(_GONE)
    return _sentence(error.strerror or (_DENIED if isinstance(error, PermissionError) else type(error).__name__))


def _sentence(cause: str) -> str:
    return f"cannot be read: {cause}. Every run tries it again"
