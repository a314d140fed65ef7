"""Recognises changed and unfinished exports by the sizes, times and etags of their files, without reading them."""

import hashlib
import os
import time
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pipelines.landing import archives
from pipelines.landing.discovery import Found

_QUIET: Final = 10  # seconds without a change after which a file counts as complete
_QUIET_CUT_ZIP: Final = 600  # the same for a zip without its end: a stalled copy may go on
_ETAGS: Final = ("etag", "md5", "md5hash", "contentmd5")
_TIMES: Final = ("lastmodified", "mtime", "modified", "updated", "created", "lastwritetime")


@dataclass(frozen=True)
class Fingerprint:
    """The state of an export's files.

    text: the same as long as no file changes; null if the store has neither times nor etags.
    size_bytes: the size of all files.
    changed_at: the last change of a file, in seconds since 1970; 0 if it is unknown, or if the store shows only
        complete files.
    faults: the unreadable files and folders of a local export, as far as this is known without opening them.
    """

    text: str | None
    size_bytes: int
    changed_at: float
    faults: tuple[archives.Fault, ...] = ()

    @property
    def age(self) -> float:
        """Seconds since the last change."""
        return time.time() - self.changed_at


def fingerprint(found: Found) -> Fingerprint:
    """The fingerprint of an export at its origin."""
    return local(Path(found.path)) if found.remote is None else _remote(found.infos)


def local(path: Path) -> Fingerprint:
    """The fingerprint of a local file or folder. Raises `OSError` if a file disappears meanwhile.

    The time of a change is that of the inode: the system sets it on every write, and unlike the modification time it
    cannot be set back.
    """
    if reason := archives.obstacle(path):
        return Fingerprint(_digest([(reason,)]), 0, 0, (archives.Fault(None, reason),))
    files, faults = archives.listed(path) if path.is_dir() else ([path], [])
    stats = {os.fsencode(file.relative_to(path)): file.stat() for file in files}
    states: list[tuple[Any, ...]] = [
        (name, one.st_size, one.st_mtime_ns, one.st_ctime_ns, one.st_ino) for name, one in stats.items()
    ]
    states += [(os.fsencode(fault.entry or ""), fault.reason) for fault in faults]
    size = sum(one.st_size for one in stats.values())
    return Fingerprint(_digest(states), size, max((one.st_ctime for one in stats.values()), default=0), tuple(faults))


def is_settled(found: Found) -> bool:
    """Whether the export has been left alone long enough to be complete. False if it is gone.

    Unreadable exports are settled.
    """
    if found.remote is None and not os.path.lexists(found.path):
        return False
    try:
        age = fingerprint(found).age
    except FileNotFoundError:
        return False
    return age >= _QUIET_CUT_ZIP or (age >= _QUIET and not _is_cut_zip(found))


def _remote(infos: Mapping[str, Mapping[str, Any]]) -> Fingerprint:
    """The fingerprint of remote files. An etag is preferred to a time: storing the same bytes again is no change."""
    states, size, changed_at = [], 0, 0.0
    for name, info in infos.items():
        told = {key.lower().replace("_", "").replace("-", ""): value for key, value in info.items() if value}
        etags = [str(told[key]) for key in _ETAGS if key in told]
        times = [] if etags else [told[key] for key in _TIMES if key in told]
        states.append((name, info.get("size"), *etags, *map(str, times)))
        size += info.get("size") or 0
        changed_at = max([changed_at, *map(_seconds, times)])
    is_told = all(len(state) > 2 for state in states)
    return Fingerprint(_digest(states) if is_told else None, size, changed_at)


def _seconds(instant: Any) -> float:
    if isinstance(instant, datetime):
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()
    return float(instant) if isinstance(instant, int | float) else 0.0


def _digest(states: Iterable[tuple[Any, ...]]) -> str:
    return hashlib.sha256(repr(sorted(states)).encode()).hexdigest()


def _is_cut_zip(found: Found) -> bool:
    return found.remote is None and found.path.lower().endswith(".zip") and not zipfile.is_zipfile(found.path)
