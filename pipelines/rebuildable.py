"""Removes state that the pipeline can rebuild, such as caches, where it is damaged."""

import logging
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

_SQLITE_SUFFIXES: Final = ("-wal", "-shm", "-journal")
_DAMAGE: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def remove(path: Path) -> None:
    """Removes a file, or a folder in the place of a file. Does nothing if there is neither."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_damaged_sqlite(path: Path, consequence: str) -> None:
    """Removes a SQLite file and its logs if it is damaged, and logs a warning that ends with the consequence."""
    if not path.exists() or (path.is_file() and _is_intact(path)):
        return
    log.warning("%s is damaged and is rebuilt: %s", path, consequence)
    for file in (path, *(path.with_name(path.name + suffix) for suffix in _SQLITE_SUFFIXES)):
        remove(file)


def _is_intact(path: Path) -> bool:
    """Whether SQLite finds no damage. Other errors are not damage, such as a full disk or a file in use."""
    try:
        with closing(sqlite3.connect(path, timeout=60)) as db:
            return bool(db.execute("pragma quick_check(1)").fetchall() == [("ok",)])
    except sqlite3.DatabaseError as error:
        return error.sqlite_errorcode & 0xFF not in _DAMAGE
