"""Copies the tables for consumers: to a DuckDB file with comments, and to Parquet."""

from pathlib import Path
from typing import Any, Final

import duckdb

from pipelines.comparison import records as comparison
from pipelines.kili import readings
from pipelines.kili import records as kili
from pipelines.loading import database

LEDGER: Final[dict[str, tuple[str, ...]]] = {"exports": (), "sightings": (), "rejects": ("raw",)}
"""The tables of schema `kili` that consumers get, and the columns they do not get."""

_MARTS: Final = "marts"
_COMPARISON: Final = "comparison"
_STORAGE: Final = "v1.0.0"  # the newest that every DuckDB 1.x client opens
_MEMORY: Final = "1GB"
_NEWEST_READING: Final = f"""
    where (export_id, _dlt_load_id) in (
        select (export_id, _dlt_load_id) from {readings.newest("warehouse.kili.exports")}
    )"""
# As fast as the default, with half the bytes. A larger dictionary takes long to build.
_PARQUET: Final = "format parquet, compression zstd, compression_level 1, dictionary_size_limit 1000"


def is_published(schema: str, table: str) -> bool:
    """Whether consumers get a table of the pipeline's database."""
    is_whole = schema in (_MARTS, _COMPARISON) and not table.startswith("_")
    return is_whole or (schema == "kili" and table in LEDGER)


def copy(source: Path, target: Path) -> dict[str, int]:
    """Copies the published tables with their comments to a new file; returns their row counts."""
    counts: dict[str, int] = {}
    with database.in_memory(**_sparing(source)) as db:
        database.attach(db, source, "warehouse")
        database.attach(db, target, "release", f"storage_version '{_STORAGE}'")
        for schema, table, columns in _published(db):
            db.execute(f"create schema if not exists release.{schema}")
            address = f"{schema}.{table}"
            # Older loaders stored dates that no client can read. The staging views exclude them.
            read = f"staging.stg_kili__{table}" if schema == "kili" else address
            kept = _NEWEST_READING if schema == "kili" else ""
            _execute(db, f"create table release.{address} as select {columns} from warehouse.{read} {kept}")
            counts[address] = int(db.execute(f"select count(*) from release.{address}").fetchall()[0][0])
        _copy_comments(db, counts)
        db.execute("detach release")
    return counts


def write_parquet(published: Path, folder: Path, scratch: Path) -> None:
    """Writes each mart of a published file as Parquet; DuckDB spills to disk beside the file `scratch`."""
    folder.mkdir()
    with database.reading(published, **_sparing(scratch)) as db:
        names = db.execute("select table_name from information_schema.tables where table_schema = 'marts'").fetchall()
        for (name,) in names:
            target = database.quoted(folder / f"{name}.parquet")
            _execute(db, f"copy {_MARTS}.{name} to {target} ({_PARQUET})")


def _sparing(scratch: Path) -> dict[str, Any]:
    """Settings of DuckDB: one thread and little memory. It spills to disk beside the file `scratch`.

    A second thread takes 25 to 50 % more CPU time and more memory, and is hardly faster. Reusing memory costs less than
    allocating more.
    """
    return {"threads": 1, "memory_limit": _MEMORY, "temp_directory": f"{scratch}.tmp"}


def _execute(db: duckdb.DuckDBPyConnection, statement: str) -> None:
    """Runs a statement, and again with DuckDB's default memory if it runs out.

    DuckDB holds two thousand rows at a time, and answers of videos are long.
    """
    try:
        db.execute(statement)
    except duckdb.OutOfMemoryException:
        with database.in_memory() as other:
            usual = other.execute("select current_setting('memory_limit')").fetchall()[0][0]
        db.execute(f"set memory_limit = '{usual}'")  # `reset` changes the value of the setting, but not the limit
        db.execute(statement)


def _published(db: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str]]:
    """Schema, table and columns of what consumers get."""
    found = db.execute(
        "select table_schema, table_name from information_schema.tables where table_catalog = 'warehouse' order by all"
    ).fetchall()
    return [(schema, table, _columns(schema, table)) for schema, table in found if is_published(schema, table)]


def _columns(schema: str, table: str) -> str:
    left_out = LEDGER[table] if schema == "kili" else ()
    return f"* exclude ({', '.join(left_out)})" if left_out else "*"


def _copy_comments(db: duckdb.DuckDBPyConnection, counts: dict[str, int]) -> None:
    """Copies the comments that dbt wrote, and writes those of the declared tables."""
    comments = db.execute(
        """select schema_name || '.' || table_name, null, comment
            from duckdb_tables() where database_name = 'warehouse'
        union all select schema_name || '.' || view_name, null, comment
            from duckdb_views() where database_name = 'warehouse'
        union all select schema_name || '.' || table_name, column_name, comment
            from duckdb_columns() where database_name = 'warehouse'"""
    ).fetchall()
    for schema, declared in (("kili", kili.TABLES), (_COMPARISON, comparison.TABLES)):
        for table in declared:
            comments += [(f"{schema}.{table.name}", None, table.description)]
            comments += [(f"{schema}.{table.name}", column.name, column.description) for column in table.columns]
    columns = db.execute(
        "select schema_name || '.' || table_name, column_name from duckdb_columns() where database_name = 'release'"
    ).fetchall()
    present = {*columns, *((address, None) for address in counts)}
    for address, column, comment in comments:
        if comment and (address, column) in present:
            what = f"column release.{address}.{column}" if column else f"table release.{address}"
            db.execute(f"comment on {what} is {database.quoted(comment)}")
