"""The pipeline's DuckDB files: the only module that opens one. Another engine would stand behind these functions.

DuckDB lets one process write a file, and then no other read it. So each caller opens it for as short as possible.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from pipelines.loading.tables import LOAD_ID, Table

Columns = dict[tuple[str, str], str]
"""The type of each column, by table and name."""
Row = dict[str, Any]

LOADS: Final = "_dlt_loads"
"""dlt's ledger of loads, in each schema."""

_DAMAGE: Final = re.compile(
    "not a valid DuckDB database file|Corrupt database file|Could not read enough bytes|Could not read from file"
    "|Serialization Error|replaying WAL"
)


@contextmanager
def reading(file: Path, **config: Any) -> Iterator[duckdb.DuckDBPyConnection]:
    """A file opened for reading, with times in UTC. `config`: DuckDB's settings. Raises `duckdb.Error`."""
    with duckdb.connect(str(file), read_only=True, config=config) as db:
        db.execute("set TimeZone = 'UTC'")
        yield db


@contextmanager
def writing(file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A file opened for writing; created if missing. Raises `duckdb.Error`, also if another process has it open."""
    with duckdb.connect(str(file)) as db:
        yield db


@contextmanager
def in_memory(**config: Any) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database of its own, to which files can be attached."""
    with duckdb.connect(config=config) as db:
        yield db


def attach(db: duckdb.DuckDBPyConnection, file: Path, name: str, options: str = "read_only") -> None:
    """Opens a file within another database, under a name."""
    db.execute(f"attach {quoted(file)} as {name} ({options})")


def quoted(text: object) -> str:
    """A text as a literal of SQL."""
    return "'" + str(text).replace("'", "''") + "'"


def rows(db: duckdb.DuckDBPyConnection, query: str, parameters: object = None) -> list[Row]:
    """The rows of a query, by column."""
    found = db.execute(query, parameters)
    names = [column[0] for column in found.description or []]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def batches(db: duckdb.DuckDBPyConnection, query: str, size: int) -> pa.RecordBatchReader:
    """The rows of a query in Arrow batches of at most so many. A connection streams one query at a time."""
    return db.execute(query).to_arrow_reader(size)


def finished_loads(schema: str) -> str:
    """SQL: the ids of the loads of a schema that dlt finished. Rows of other loads do not count."""
    return f"(select load_id from {schema}.{LOADS} where status = 0)"


def table_names(db: duckdb.DuckDBPyConnection, schema: str) -> set[str]:
    """The tables of a schema; none if there is no such schema."""
    found = db.execute("select table_name from duckdb_tables() where schema_name = ?", [schema])
    return {name for (name,) in found.fetchall()}


def columns(file: Path, schema: str) -> Columns:
    """The columns of a schema's tables; none if there is no file."""
    if not file.exists():
        return {}
    query = "select table_name, column_name, data_type from duckdb_columns() where schema_name = ?"
    with reading(file) as db:
        return {(table, column): kind for table, column, kind in db.execute(query, [schema]).fetchall()}


def row_counts(
    file: Path, schema: str, declared: Sequence[Table], load_id: str | None
) -> tuple[dict[str, int], dict[str, int]]:
    """Rows by table: those that a load wrote, and all there are."""
    query = f"select count(*) filter (where {LOAD_ID} = ?), count(*) from {schema}.{{}}"
    with reading(file) as db:
        counts = {table.name: db.execute(query.format(table.name), [load_id]).fetchall()[0] for table in declared}
    return {name: new for name, (new, _) in counts.items()}, {name: total for name, (_, total) in counts.items()}


def cut_unfinished_loads(file: Path, schema: str, declared: Sequence[Table]) -> None:
    """Deletes the rows of loads that never finished, which a killed run leaves."""
    if not file.exists():
        return
    with writing(file) as db:
        present = table_names(db, schema)
        finished = finished_loads(schema) if LOADS in present else "('')"
        for table in declared:
            if table.name in present:
                db.execute(f"delete from {schema}.{table.name} where {LOAD_ID} not in {finished}")


def user(file: Path) -> str | None:
    """The number of another process that has a file open; null if none has."""
    if not file.exists():
        return None
    try:
        check(file)
    except duckdb.Error as error:
        if "Could not set lock" in str(error):
            holder = re.search(r"PID (\d+)", str(error))
            return holder[1] if holder else "(number unknown)"
    return None


def check(file: Path) -> None:
    """Opens a file as its writer does. Raises `duckdb.Error` if it is in use, or its head or log is damaged."""
    duckdb.connect(str(file)).close()


def is_damage(text: str) -> bool:
    """Whether what DuckDB, or a traceback, says means that a database file is damaged."""
    return _DAMAGE.search(text) is not None


def is_incomplete(error: duckdb.Error) -> bool:
    """Whether a file that is read is damaged, is not there, or lacks tables."""
    text = str(error)
    return is_damage(text) or isinstance(error, duckdb.CatalogException) or "database does not exist" in text
