"""DuckDB files: which process has one open, and whether an error means that the file is damaged."""

import re
from pathlib import Path
from typing import Final

import duckdb

_DAMAGE: Final = re.compile(
    "not a valid DuckDB database file|Corrupt database file|Could not read enough bytes|Could not read from file"
    "|Serialization Error|replaying WAL"
)


def user(database: Path) -> str | None:
    """The number of another process that has a file open, since DuckDB lets no second one in; null if none has."""
    if not database.exists():
        return None
    try:
        duckdb.connect(str(database)).close()
    except duckdb.Error as error:
        if "Could not set lock" in str(error):
            holder = re.search(r"PID (\d+)", str(error))
            return holder[1] if holder else "(number unknown)"
    return None


def is_damage(text: str) -> bool:
    """Whether what DuckDB, or a traceback, says means that a database file is damaged."""
    return _DAMAGE.search(text) is not None


def is_incomplete(error: duckdb.Error) -> bool:
    """Whether a file that is read is damaged, is not there, or lacks tables."""
    text = str(error)
    return is_damage(text) or isinstance(error, duckdb.CatalogException) or "database does not exist" in text
