"""Opens the pipeline's DuckDB files. No other module does, so another engine can replace DuckDB here.

While a process writes a DuckDB file, no other process can read it. So callers keep it open as briefly as possible.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
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

_REWRITTEN_ROWS: Final = 2048
_DAMAGE: Final = re.compile(
    "not a valid DuckDB database file|Corrupt database file|Could not read enough bytes|Could not read from file"
    "|Serialization Error|replaying WAL"
)


@contextmanager
def reading(file: Path, **config: Any) -> Iterator[duckdb.DuckDBPyConnection]:
    """Opens a file read-only, with times in UTC. `config`: DuckDB's settings. Raises `duckdb.Error`."""
    with duckdb.connect(str(file), read_only=True, config=config) as db:
        db.execute("set TimeZone = 'UTC'")
        yield db


@contextmanager
def writing(file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Opens a file for writing; creates it if missing. Raises `duckdb.Error`, also if another process has it open."""
    with duckdb.connect(str(file)) as db:
        yield db


@contextmanager
def in_memory(**config: Any) -> Iterator[duckdb.DuckDBPyConnection]:
    """Opens an empty in-memory database, to which files can be attached."""
    with duckdb.connect(config=config) as db:
        yield db


def attach(db: duckdb.DuckDBPyConnection, file: Path, name: str, options: str = "read_only") -> None:
    """Attaches a file to an open database under a name."""
    db.execute(f"attach {quoted(file)} as {name} ({options})")


def quoted(text: object) -> str:
    """A text as a string literal in SQL."""
    return "'" + str(text).replace("'", "''") + "'"


def rows(db: duckdb.DuckDBPyConnection, query: str, parameters: object = None) -> list[Row]:
    """The rows of a query as dictionaries by column name."""
    result = db.execute(query, parameters)
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def batches(db: duckdb.DuckDBPyConnection, query: str, size: int) -> pa.RecordBatchReader:
    """The rows of a query in Arrow batches of at most `size` rows. A connection streams one query at a time."""
    return db.execute(query).to_arrow_reader(size)


def finished_loads(schema: str) -> str:
    """SQL for the ids of a schema's loads that dlt finished. Rows of other loads do not count."""
    return f"(select load_id from {schema}.{LOADS} where status = 0)"


def table_names(db: duckdb.DuckDBPyConnection, schema: str) -> set[str]:
    """The names of a schema's tables; empty if there is no such schema."""
    names = db.execute("select table_name from duckdb_tables() where schema_name = ?", [schema]).fetchall()
    return {name for (name,) in names}


def columns(file: Path, schema: str) -> Columns:
    """The columns of a schema's tables; empty if there is no file."""
    if not file.exists():
        return {}
    query = "select table_name, column_name, data_type from duckdb_columns() where schema_name = ?"
    with reading(file) as db:
        return {(table, column): kind for table, column, kind in db.execute(query, [schema]).fetchall()}


def row_counts(
    file: Path, schema: str, declared: Sequence[Table], load_id: str | None
) -> tuple[dict[str, int], dict[str, int]]:
    """Row counts by table: of the rows that a load wrote, and of all rows."""
    query = f"select count(*) filter (where {LOAD_ID} = ?), count(*) from {schema}.{{}}"
    with reading(file) as db:
        counts = {table.name: db.execute(query.format(table.name), [load_id]).fetchall()[0] for table in declared}
    return {name: new for name, (new, _) in counts.items()}, {name: total for name, (_, total) in counts.items()}


def delete_unfinished_loads(file: Path, schema: str, declared: Sequence[Table]) -> None:
    """Deletes the rows of loads that dlt did not finish, such as those of a killed run."""
    if not file.exists():
        return
    with writing(file) as db:
        present = table_names(db, schema)
        finished = finished_loads(schema) if LOADS in present else "('')"
        for table in declared:
            if table.name in present:
                db.execute(f"delete from {schema}.{table.name} where {LOAD_ID} not in {finished}")


def rewrite(file: Path, schemas: Sequence[str], changes: Mapping[str, Callable[[str, pa.Table], pa.Table]]) -> None:
    """Copies the tables of some schemas to a new file, which replaces the old one: no deleted row is left in it.

    `changes`: by schema, a function of a table's name and rows that returns the rows to write.
    """
    if not file.exists():
        return
    new = file.with_name(f"{file.name}.new")
    new.unlink(missing_ok=True)
    with in_memory() as db:
        attach(db, file, "old")
        attach(db, new, "new", "read_write")
        db.execute("use new")
        found = db.execute("select schema_name, table_name, sql from duckdb_tables() where database_name = 'old'")
        for schema, table, definition in found.fetchall():
            if schema in schemas:
                db.execute(f"create schema if not exists {schema}; {definition}")
                change = changes.get(schema)
                if change is None or table.startswith("_"):
                    db.execute(f"insert into new.{schema}.{table} from old.{schema}.{table}")
                else:
                    _insert_changed(db, f"{schema}.{table}", partial(change, table))
        db.execute("use memory; detach new")
    new.replace(file)
    file.with_name(f"{file.name}.wal").unlink(missing_ok=True)


def _insert_changed(db: duckdb.DuckDBPyConnection, address: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Copies a table a few rows at a time, with JSON as text."""
    columns = db.execute(f"describe old.{address}").fetchall()
    texts = ", ".join(f"{name}::varchar as {name}" for name, kind, *_ in columns if kind == "JSON")
    select = f"select * replace ({texts})" if texts else "select *"
    for batch in batches(db.cursor(), f"{select} from old.{address}", _REWRITTEN_ROWS):
        changed = change(pa.Table.from_batches([batch]))
        db.register("changed", changed)
        db.execute(f"insert into new.{address} by name from changed")
        db.unregister("changed")


def process_using(file: Path) -> str | None:
    """The id of another process that has a file open; null if there is none."""
    if not file.exists():
        return None
    try:
        check_opens(file)
    except duckdb.Error as error:
        if "Could not set lock" in str(error):
            holder = re.search(r"PID (\d+)", str(error))
            return holder[1] if holder else "(number unknown)"
    return None


def check_opens(file: Path) -> None:
    """Opens a file for writing and closes it. Raises `duckdb.Error` if it is in use, or its header or log damaged."""
    duckdb.connect(str(file)).close()


def is_damage(text: str) -> bool:
    """Whether the text of a DuckDB error or of a traceback means that a database file is damaged."""
    return _DAMAGE.search(text) is not None


def is_incomplete(error: duckdb.Error) -> bool:
    """Whether an error means that the file is damaged or missing, or lacks tables."""
    text = str(error)
    return is_damage(text) or isinstance(error, duckdb.CatalogException) or "database does not exist" in text
