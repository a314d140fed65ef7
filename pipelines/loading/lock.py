"""The warehouse's lock: one process writes at a time. The system frees the lock when the process ends.

The child processes of a killed run end within a moment (see `parent_process`), but may still have the database open. So
the lock is taken only once no process has the database open.
"""

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from pipelines.loading import database as database_file
from pipelines.settings import Settings

log = logging.getLogger(__name__)

_POLL_SECONDS: Final = 0.5
_ORPHAN_SECONDS: Final = 10  # within which the child processes of a killed run have ended
_held: set[Path] = set()


class WarehouseLocked(Exception):
    """Another process is writing to the warehouse."""


@contextmanager
def held(settings: Settings, patience: float = 0, log: logging.Logger = log) -> Iterator[bool]:
    """Holds the lock. Yields true if it was taken just now, false if this process already holds it.

    Logs a message before it waits. Raises `WarehouseLocked`, which names the holder, if another process still has the
    lock after `patience` seconds.
    """
    path = settings.prepare_work() / "lock"
    if path in _held:
        yield False
        return
    with path.open("a+") as file:
        _take(file, settings, patience, log)
        _held.add(path)
        try:
            yield True
        finally:
            _held.remove(path)


def _take(file: IO[str], settings: Settings, patience: float, log: logging.Logger) -> None:
    started = time.monotonic()
    is_logged = False
    while (lock := _take_or_holder(file)) or (database := database_file.process_using(settings.database)):
        writer = f"process {lock or database} is writing to {settings.warehouse}"
        timeout = patience if lock else max(patience, _ORPHAN_SECONDS)
        if time.monotonic() >= started + timeout:
            raise WarehouseLocked(f"{writer}: wait for it to end")
        if not is_logged:
            shown = f"{timeout / 60:.0f} minutes" if timeout >= 60 else f"{timeout:.0f} seconds"
            log.info("%s: waiting for it to end, %s at most", writer, shown)
            is_logged = True
        time.sleep(_POLL_SECONDS)
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()


def _take_or_holder(file: IO[str]) -> str | None:
    """Takes the lock and returns null, or returns the id of the process that holds it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        return file.read().strip() or "(number unknown)"
    return None
