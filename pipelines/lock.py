"""The warehouse's lock: one process writes at a time, whoever started it, and the system frees it with the process."""

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from pipelines.settings import Settings

log = logging.getLogger(__name__)

_LOOK_AGAIN: Final = 0.5
_held: set[Path] = set()


class Busy(Exception):
    """Another process is writing to the warehouse."""


@contextmanager
def held(settings: Settings, patience: float = 0, log: logging.Logger = log) -> Iterator[None]:
    """Holds the lock, which this process may hold already.

    Raises `Busy`, which names the holder, if another process still has it after `patience` seconds; says that it waits.
    """
    path = settings.prepare_work() / "lock"
    if path in _held:
        yield
        return
    with path.open("a+") as file:
        _take(file, settings.warehouse, patience, log)
        _held.add(path)
        try:
            yield
        finally:
            _held.remove(path)


def _take(file: IO[str], warehouse: Path, patience: float, log: logging.Logger) -> None:
    give_up_at = time.monotonic() + patience
    is_told = False
    while not _is_taken(file):
        file.seek(0)
        writer = f"process {file.read().strip()} is writing to {warehouse}"
        if time.monotonic() >= give_up_at:
            raise Busy(f"{writer}: wait for it to end")
        if not is_told:
            log.info("%s: waiting for it to end, %.0f minutes at most", writer, patience / 60)
            is_told = True
        time.sleep(_LOOK_AGAIN)
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()


def _is_taken(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
