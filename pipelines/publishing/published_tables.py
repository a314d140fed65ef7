"""Selects the tables for consumers, and copies them to a separate DuckDB file, with comments, and to Parquet."""

from pathlib import Path
from typing import Any, Final

import duckdb

from pipelines.comparison import records as comparison
from pipelines.kili import readings
from pipelines.kili import records as kili
from pipelines.loading import database

LEDGER: Final[dict[str, tuple[str, ...]]] = {"exports": (), "sightings": (), "rejects": ("raw",)}
"""The published tables of schema `kili`, each with the columns that are left out."""

_MARTS: Final = "marts"
_COMPARISON: Final = "comparison"
_STORAGE: Final = "v1.0.0"  # the newest that every DuckDB 1.x client opens
_MEMORY: Final = "1GB"
_NEWEST_READING: Final = f"""
    where (export_id, _dlt_load_id) in (
        select (export_id, _dlt_load_id) from {readings.newest("warehouse.staging.stg_kili__exports")}
    )"""
# As fast as the default options, for half the bytes. A larger dictionary takes much longer to build.
_PARQUET: Final = "format parquet, compression zstd, compression_level 1, dictionary_size_limit 1000"


def is_published(schema: str, table: str) -> bool:
    """Whether a table of the pipeline's database is published."""
    is_whole = schema in (_MARTS, _COMPARISON) and not table.startswith("_")
    return is_whole or (schema == "kili" and table in LEDGER)


def copy(source: Path, target: Path) -> dict[str, int]:
    """Copies the published tables with their comments to a new file; returns their row counts."""
    counts: dict[str, int] = {}
    with database.in_memory(**_low_memory(source)) as db:
        database.attach(db, source, "warehouse")
        database.attach(db, target, "release", f"storage_version '{_STORAGE}'")
        for schema, table, columns in _published(db):
            db.execute(f"create schema if not exists release.{schema}")
            address = f"{schema}.{table}"
            # Older loaders stored dates that no client can read. The staging views leave them out.
            read = f"staging.stg_kili__{table}" if schema == "kili" else address
            kept = _NEWEST_READING if schema == "kili" else ""
            _execute(db, f"create table release.{address} as select {columns} from warehouse.{read} {kept}")
            counts[address] = int(db.execute(f"select count(*) from release.{address}").fetchall()[0][0])
        _copy_comments(db, counts)
        db.execute("detach release")
    return counts


def write_parquet(published: Path, folder: Path, scratch: Path) -> None:
    """Writes each mart of a published file as Parquet. DuckDB spills to a folder beside the file `scratch`."""
    folder.mkdir()
    with database.reading(published, **_low_memory(scratch)) as db:
        names = db.execute("select table_name from information_schema.tables where table_schema = 'marts'").fetchall()
        for (name,) in names:
            target = database.quoted(folder / f"{name}.parquet")
            _execute(db, f"copy {_MARTS}.{name} to {target} ({_PARQUET})")


def _low_memory(scratch: Path) -> dict[str, Any]:
    """DuckDB settings for one thread and little memory, with a spill folder beside the file `scratch`.

    A second thread takes a quarter to a half more CPU time, and more memory, and saves little time. Reusing memory
    costs less than allocating more.
    """
    return {"threads": 1, "memory_limit": _MEMORY, "temp_directory": f"{scratch}.tmp"}


def _execute(db: duckdb.DuckDBPyConnection, statement: str) -> None:
    """Runs a statement. If it runs out of memory, runs it again with DuckDB's default limit.

    Answers of videos can need that much: DuckDB holds two thousand rows at a time, whatever their size.
    """
    try:
        db.execute(statement)
    except duckdb.OutOfMemoryException:
        with database.in_memory() as other:
            default = other.execute("select current_setting('memory_limit')").fetchall()[0][0]
        db.execute(f"set memory_limit = '{default}'")  # `reset` changes the displayed setting, but not the limit
        db.execute(statement)


def _published(db: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str]]:
    """The schema, name and select list of each published table."""
    tables = db.execute(
        "select table_schema, table_name from information_schema.tables where table_catalog = 'warehouse'"
    ).fetchall()
    addresses = {(schema, table) for schema, table in tables if is_published(schema, table)}
    addresses |= {("kili", table) for table in LEDGER}  # an as-of folder has only their staging models
    return [(schema, table, _columns(schema, table)) for schema, table in sorted(addresses)]


def _columns(schema: str, table: str) -> str:
    left_out = LEDGER[table] if schema == "kili" else ()
    return f"* exclude ({', '.join(left_out)})" if left_out else "*"


def _copy_comments(db: duckdb.DuckDBPyConnection, counts: dict[str, int]) -> None:
    """Copies the comments that dbt wrote for its models, and writes those of dlt's tables from their declarations."""
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
            target = f"column release.{address}.{column}" if column else f"table release.{address}"
            db.execute(f"comment on {target} is {database.quoted(comment)}")
