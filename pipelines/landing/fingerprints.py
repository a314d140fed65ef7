"""Detects, without reading an export, whether it has changed: by the sizes, times and etags of its files."""

import hashlib
import os
import time
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pipelines.landing import local_files
from pipelines.landing.discovery import FoundExport

_QUIET: Final = 10  # seconds without a change after which a file counts as complete
_QUIET_CUT_ZIP: Final = 600  # the same for a zip without its end, because a copy may stall for a while
_ETAGS: Final = ("etag", "md5", "md5hash", "contentmd5")
_TIMES: Final = ("lastmodified", "mtime", "modified", "updated", "created", "lastwritetime")


@dataclass(frozen=True)
class Fingerprint:
    """The state of an export's files.

    text: equal as long as no file changes; null if a store gives neither times nor etags.
    size_bytes: the total size of the files.
    changed_at: the time of the last change in seconds since 1970; 0 if it is unknown, or if the store shows files only
        once they are complete.
    faults: the parts of a local export that cannot be read, as far as this can be known without opening files.
    """

    text: str | None
    size_bytes: int
    changed_at: float
    faults: tuple[local_files.Fault, ...] = ()

    @property
    def age(self) -> float:
        """Seconds since the last change."""
        return time.time() - self.changed_at


def fingerprint(export: FoundExport) -> Fingerprint:
    """The state of an export in its original place."""
    return local(Path(export.path)) if export.remote is None else _remote(export.infos)


def local(path: Path) -> Fingerprint:
    """The state of a local file, or of a folder's files. Raises `OSError` if one disappears meanwhile.

    The time of a change is the inode's ctime: the system sets it on every write, and unlike the modification time it
    cannot be set back.
    """
    if reason := local_files.why_unreadable(path):
        return Fingerprint(_digest([(reason,)]), 0, 0, (local_files.Fault(None, reason),))
    files, faults = local_files.list_files(path) if path.is_dir() else ([path], [])
    stats = {os.fsencode(file.relative_to(path)): file.stat() for file in files}
    states: list[tuple[Any, ...]] = [
        (name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino) for name, stat in stats.items()
    ]
    states += [(os.fsencode(fault.entry or ""), fault.reason) for fault in faults]
    size = sum(stat.st_size for stat in stats.values())
    changed_at = max((stat.st_ctime for stat in stats.values()), default=0)
    return Fingerprint(_digest(states), size, changed_at, tuple(faults))


def is_settled(export: FoundExport) -> bool:
    """Whether no process seems to be writing the export any more. False if the export is gone.

    An export that cannot be read counts as settled.
    """
    if export.remote is None and not os.path.lexists(export.path):
        return False
    try:
        age = fingerprint(export).age
    except FileNotFoundError:
        return False
    return age >= _QUIET_CUT_ZIP or (age >= _QUIET and not _is_cut_zip(export))


def _remote(infos: Mapping[str, Mapping[str, Any]]) -> Fingerprint:
    """The state of remote files. An etag replaces the times: the same bytes stored again are no change."""
    states, size, changed_at = [], 0, 0.0
    for name, info in infos.items():
        values = {key.lower().replace("_", "").replace("-", ""): value for key, value in info.items() if value}
        etags = [str(values[key]) for key in _ETAGS if key in values]
        times = [] if etags else [values[key] for key in _TIMES if key in values]
        states.append((name, info.get("size"), *etags, *map(str, times)))
        size += info.get("size") or 0
        changed_at = max([changed_at, *map(_seconds, times)])
    has_state = all(len(state) > 2 for state in states)
    return Fingerprint(_digest(states) if has_state else None, size, changed_at)


def _seconds(instant: Any) -> float:
    if isinstance(instant, datetime):
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()
    return float(instant) if isinstance(instant, int | float) else 0.0


def _digest(states: Iterable[tuple[Any, ...]]) -> str:
    return hashlib.sha256(repr(sorted(states)).encode()).hexdigest()


def _is_cut_zip(export: FoundExport) -> bool:
    return export.remote is None and export.path.lower().endswith(".zip") and not zipfile.is_zipfile(export.path)
