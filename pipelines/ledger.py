"""The pipeline's own DuckDB file as it stands: which exports it holds, and the rows of its tables."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from pipelines import identities, landing, tables
from pipelines.kili import audit, records
from pipelines.kili.answers import FLATTEN_VERSION
from pipelines.kili.known import Known
from pipelines.kili.reading import LOADER_VERSION, NewExport
from pipelines.settings import Settings

SCHEMA: Final = "kili"
NEWEST_READINGS: Final = """(
    select * from kili.exports
    qualify row_number() over (partition by export_id order by _dlt_load_id desc) = 1
)"""  # an export that a newer loader read again has a row for each reading


@dataclass(frozen=True)
class Load:
    """What one load did: its id (null if nothing was new), the rows it wrote and the rows there are, by table.

    `exports_found` counts the exports there were to load, each content once, known ones too; `exports_rejected` those
    of them that are rejected whole.
    """

    load_id: str | None
    new_row_counts: dict[str, int]
    row_counts: dict[str, int]
    exports_found: int
    exports_rejected: int


@contextmanager
def reading(database: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse opened for reading; closed again at the end, since dbt and dlt need it for themselves."""
    with duckdb.connect(str(database), read_only=True) as connection:
        yield connection


def identified(found: list[landing.Landed], settings: Settings) -> list[NewExport]:
    """The exports by their content, each content once."""
    exports: dict[str, NewExport] = {}
    with identities.opened(settings) as known:
        for one in found:
            export_id, size = known.identify(one.path)
            exports.setdefault(export_id, NewExport(one, export_id, size))
    return list(exports.values())


def unread(exports: list[NewExport], database: Path) -> list[NewExport]:
    """Those that have to be read: new ones, and those of which an older loader rejected something."""
    if not database.exists():
        return exports
    query = f"""
        select export_id from {NEWEST_READINGS}
        where loader_version = ? or not (is_rejected or rejected_asset_count + rejected_label_count > 0)"""
    with reading(database) as db:
        is_empty = not table_names(db, SCHEMA)
        known = set() if is_empty else {row[0] for row in db.execute(query, [LOADER_VERSION]).fetchall()}
    return [export for export in exports if export.export_id not in known]


def is_outdated(database: Path) -> bool:
    """Whether a load has work without new exports: columns that are missing, or answers to be flattened again."""
    with Known(database) as known:
        return known.has_outdated(FLATTEN_VERSION) or not _declared_columns() <= audit.columns(database).keys()


def _declared_columns() -> set[tuple[str, str]]:
    return {(table.name, column.name) for table in records.TABLES for column in table.columns}


def table_names(db: duckdb.DuckDBPyConnection, schema: str) -> set[str]:
    """The tables of a schema."""
    found = db.execute("select table_name from duckdb_tables() where schema_name = ?", [schema])
    return {name for (name,) in found.fetchall()}


def row_counts(
    database: Path, schema: str, declared: Sequence[tables.Table], load_id: str | None
) -> tuple[dict[str, int], dict[str, int]]:
    """Rows by table: those that a load wrote, and all there are."""
    query = f"select count(*) filter (where {tables.LOAD_ID} = ?), count(*) from {schema}.{{}}"
    with reading(database) as db:
        rows = {table.name: db.execute(query.format(table.name), [load_id]).fetchall()[0] for table in declared}
    return {name: new for name, (new, _) in rows.items()}, {name: total for name, (_, total) in rows.items()}


def summary(load_id: str | None, exports: list[NewExport], database: Path) -> Load:
    """What a load of these exports did."""
    new, total = row_counts(database, SCHEMA, records.TABLES, load_id)
    with reading(database) as db:
        ids = [export.export_id for export in exports]
        query = f"select count(*) from {NEWEST_READINGS} where is_rejected and list_contains(?, export_id)"
        rejected = db.execute(query, [ids]).fetchall()[0][0]
    return Load(load_id, new, total, len(exports), rejected)
