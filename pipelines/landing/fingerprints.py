"""What tells, without reading an export, whether it is what it was: the sizes, times and etags of its files."""

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

_QUIET: Final = 10  # seconds without a change after which a file counts as written to its end
_QUIET_CUT_ZIP: Final = 600  # the same for a zip without its end, which a copy that stalls leaves for a while
_ETAGS: Final = ("etag", "md5", "md5hash", "contentmd5")
_TIMES: Final = ("lastmodified", "mtime", "modified", "updated", "created", "lastwritetime")


@dataclass(frozen=True)
class Fingerprint:
    """The state of an export's files.

    text: the same as long as no file has changed; null where a store tells neither times nor etags.
    size_bytes: of all files together.
    changed_at: when the last of them changed, in seconds since 1970; 0 where that is not known, or where a store shows
        files only once they are whole.
    faults: what of a local export cannot be read, as far as that shows unopened: all of it, or files and folders in it.
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
    """The state of an export where it lies."""
    return local(Path(found.path)) if found.remote is None else _remote(found.infos)


def local(path: Path) -> Fingerprint:
    """The state of a local file, or of a folder's files. Raises `OSError` if one disappears meanwhile.

    The time of a change is the inode's: the system sets it on every write, and nobody can set it back as they can the
    modification time.
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
    """Whether nobody seems to be writing the export any more; one that is gone is not settled either.

    What cannot be read is: nothing of it is looked at.
    """
    if found.remote is None and not os.path.lexists(found.path):
        return False
    try:
        age = fingerprint(found).age
    except FileNotFoundError:
        return False
    return age >= _QUIET_CUT_ZIP or (age >= _QUIET and not _is_cut_zip(found))


def _remote(infos: Mapping[str, Mapping[str, Any]]) -> Fingerprint:
    """An etag, where there is one, tells more than a time: the same bytes stored again are no change."""
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
