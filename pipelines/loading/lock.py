"""The lock of the warehouse: one process writes at a time. The system releases it when the process ends.

Child processes of a killed run end a moment later (see `orphans`). Until then one may have the database open, so the
lock is taken only once no process has.
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

_LOOK_AGAIN: Final = 0.5
_ORPHANS_END: Final = 10  # seconds within which the children of a killed run end
_held: set[Path] = set()


class WarehouseLocked(Exception):
    """Another process is writing to the warehouse."""


@contextmanager
def held(settings: Settings, patience: float = 0, log: logging.Logger = log) -> Iterator[bool]:
    """Holds the lock. Yields false if this process held it before.

    Logs that it waits. Raises `WarehouseLocked`, which names the holder, if another process still has the lock after
    `patience` seconds.
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
    is_told = False
    while (lock := _holder(file)) or (database := database_file.user(settings.database)):
        writer = f"process {lock or database} is writing to {settings.warehouse}"
        waits = patience if lock else max(patience, _ORPHANS_END)
        if time.monotonic() >= started + waits:
            raise WarehouseLocked(f"{writer}: wait for it to end")
        if not is_told:
            longest = f"{waits / 60:.0f} minutes" if waits >= 60 else f"{waits:.0f} seconds"
            log.info("%s: waiting for it to end, %s at most", writer, longest)
            is_told = True
        time.sleep(_LOOK_AGAIN)
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()


def _holder(file: IO[str]) -> str | None:
    """The process that holds the lock; null once this one does."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        return file.read().strip() or "(number unknown)"
    return None
