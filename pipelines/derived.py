"""Files that can be rebuilt. Damaged ones are removed with a warning."""

import logging
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

_BESIDE: Final = ("-wal", "-shm", "-journal")
_DAMAGE: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def remove(path: Path) -> None:
    """Removes a file, or a folder in its place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def check_sqlite(path: Path, consequence: str) -> None:
    """Removes a damaged SQLite file. `consequence` completes the sentence of the warning."""
    if not path.exists() or (path.is_file() and _is_whole(path)):
        return
    log.warning("%s is damaged: it is made anew, %s", path, consequence)
    for one in (path, *(path.with_name(path.name + suffix) for suffix in _BESIDE)):
        remove(one)


def _is_whole(path: Path) -> bool:
    """Whether SQLite can read the file. Errors such as a full disk or a locked file are no damage."""
    try:
        with closing(sqlite3.connect(path, timeout=60)) as db:
            return bool(db.execute("pragma quick_check(1)").fetchall() == [("ok",)])
    except sqlite3.DatabaseError as error:
        return error.sqlite_errorcode & 0xFF not in _DAMAGE
