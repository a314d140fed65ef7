"""Unexpected errors in one sentence. The traceback goes to a file, because it may hold values of the data."""

import contextlib
import errno
import os
import re
import shutil
import tempfile
import traceback
from pathlib import Path
from typing import Final

from pipelines import preflight
from pipelines.loading import database
from pipelines.settings import Settings

_LOG: Final = "last_error.log"
_FULL: Final = re.compile(
    f"{re.escape(os.strerror(errno.ENOSPC))}|{re.escape(os.strerror(errno.EDQUOT))}|disk is full"
    f"|{re.escape(os.strerror(errno.EFBIG))}"
)
_LITTLE: Final = 1 << 20  # bytes
_OF_A_FILE: Final = re.compile(r"^\w+: \[Errno \d+\] (.*)")


def sentence(error: Exception, settings: Settings | None) -> str:
    """The sentence about an error that ended a command."""
    summary, details = traceback.format_exception_only(error)[-1], "".join(traceback.format_exception(error))
    return remedy(details, settings) or unforeseen(summary, details, settings)


def remedy(details: str, settings: Settings | None) -> str | None:
    """What to do about an error of the disk; null for other errors."""
    if _FULL.search(details) or (settings and _is_full(settings.warehouse)):
        where = f"nothing more can be written to {settings.warehouse}" if settings else "nothing more can be written"
        return f"the disk is full, or a limit on it is reached: {where}. Make room, then run again"
    if settings and database.is_damage(details):
        return preflight.advice(settings)
    return None


def _is_full(folder: Path) -> bool:
    """Whether the disk is full. SQLite reports only `disk I/O error`."""
    try:
        return shutil.disk_usage(folder).free < _LITTLE
    except OSError:
        return False


def unforeseen(summary: str, details: str, settings: Settings | None) -> str:
    """The kind of an error, or the file that it is about, and the file that holds its traceback."""
    of_file = _OF_A_FILE.match(summary)
    what = of_file[1] if of_file else f"an error that was not foreseen ({summary.strip().partition(':')[0]})"
    return f"{what}; the traceback is in {_written(details, settings)}"


def _written(details: str, settings: Settings | None) -> str:
    """Writes a traceback to the work folder, or to a temporary folder; returns the file."""
    if settings:
        with contextlib.suppress(OSError):
            path = settings.work / _LOG
            path.write_text(details, encoding="utf-8", errors="backslashreplace")
            path.chmod(0o600)
            return str(path)
    try:
        number, name = tempfile.mkstemp(prefix="kili-warehouse-", suffix=".log", text=True)
        Path(name).write_text(details, encoding="utf-8", errors="backslashreplace")
        os.close(number)
    except OSError:
        return "no file, since none can be written"
    return name
