"""Turns unexpected errors into one sentence. The traceback goes to a file, as it may contain values of the data."""

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
_DISK_FULL: Final = re.compile(
    f"{re.escape(os.strerror(errno.ENOSPC))}|{re.escape(os.strerror(errno.EDQUOT))}|disk is full"
    f"|{re.escape(os.strerror(errno.EFBIG))}"
)
_MIN_FREE: Final = 1 << 20  # bytes
_FILE_ERROR: Final = re.compile(r"^\w+: \[Errno \d+\] (.*)")


def message(error: Exception, settings: Settings | None) -> str:
    """The sentence for an error that ended a command."""
    summary, details = traceback.format_exception_only(error)[-1], "".join(traceback.format_exception(error))
    return disk_advice(details, settings) or message_with_log(summary, details, settings)


def disk_advice(details: str, settings: Settings | None) -> str | None:
    """What to do about a full disk or a damaged database, by the text of a traceback; null for other errors."""
    if _DISK_FULL.search(details) or (settings and _is_full(settings.warehouse)):
        where = f"nothing more can be written to {settings.warehouse}" if settings else "nothing more can be written"
        return f"the disk is full, or a limit on it is reached: {where}. Make room, then run again"
    if settings and database.is_damage(details):
        return preflight.recovery_advice(settings)
    return None


def _is_full(folder: Path) -> bool:
    """Whether the disk has no space left. SQLite reports a full disk only as `disk I/O error`."""
    try:
        return shutil.disk_usage(folder).free < _MIN_FREE
    except OSError:
        return False


def message_with_log(summary: str, details: str, settings: Settings | None) -> str:
    """The sentence for any other error: its class, or the file and cause, and the path of its traceback.

    `summary` and `details`: the last line and the full text of the traceback.
    """
    file_error = _FILE_ERROR.match(summary)
    what = file_error[1] if file_error else f"unexpected error ({summary.strip().partition(':')[0]})"
    return f"{what}; the traceback is in {_write_log(details, settings)}"


def _write_log(details: str, settings: Settings | None) -> str:
    """Writes a traceback to the work folder, or else to a temporary file; returns the path."""
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
