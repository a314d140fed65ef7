"""The pipeline's own DuckDB file and the dlt pipeline that appends to its schema `kili`."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import dlt
import duckdb

from pipelines import containers, landing
from pipelines.kili import records, source
from pipelines.kili.reading import NewExport
from pipelines.settings import Settings

SCHEMA: Final = "kili"


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


def pipeline(settings: Settings) -> dlt.Pipeline:
    """The dlt pipeline into the warehouse; its working folder is the warehouse's, never the user's home."""
    dlt.config["normalize.parquet_normalizer.add_dlt_load_id"] = True
    dlt.config["load.delete_completed_jobs"] = True
    return dlt.pipeline(
        pipeline_name="kili",
        destination=dlt.destinations.duckdb(str(settings.database)),
        dataset_name=SCHEMA,
        pipelines_dir=str(settings.work / "dlt"),
    )


def load(found: list[landing.Landed], settings: Settings) -> Load:
    """Appends what is new in the exports to schema `kili`, in one dlt load that counts once it is finished."""
    settings.work.mkdir(parents=True, exist_ok=True)
    settings.work.chmod(0o700)
    _cut_unfinished_loads(settings.database)
    exports = _identified(found)
    known = _known_exports(settings.database)
    new = [export for export in exports if export.export_id not in known]
    load_id = _append(new, settings) if new else None
    return _summary(load_id, exports, settings.database)


def _append(exports: list[NewExport], settings: Settings) -> str:
    """Runs dlt. What a run that died left in its folder is not needed: the exports are read again."""
    shutil.rmtree(settings.work / "dlt", ignore_errors=True)
    data = source.kili(exports, settings.database, settings.project_id, settings.timezone, settings.limits)
    info = pipeline(settings).run(data, loader_file_format="parquet")
    info.raise_on_failed_jobs()
    return info.loads_ids[0]


@contextmanager
def reading(database: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse opened for reading; closed again at the end, since dbt and dlt need it for themselves."""
    with duckdb.connect(str(database), read_only=True) as connection:
        yield connection


def _identified(found: list[landing.Landed]) -> list[NewExport]:
    """The exports by their content, each content once."""
    exports: dict[str, NewExport] = {}
    for one in found:
        export_id, size = containers.identify(one.path)
        exports.setdefault(export_id, NewExport(one, export_id, size))
    return list(exports.values())


def _known_exports(database: Path) -> set[str]:
    if not _has_tables(database):
        return set()
    with reading(database) as db:
        return {export_id for (export_id,) in db.sql("select export_id from kili.exports").fetchall()}


def _cut_unfinished_loads(database: Path) -> None:
    """Removes rows of loads that never finished: a run that died left them, and no reader has ever seen them."""
    if not _has_tables(database):
        return
    with duckdb.connect(str(database)) as db:
        for table in _names():
            db.execute(
                f"delete from {SCHEMA}.{table} where {records.LOAD_ID} not in"
                f" (select load_id from {SCHEMA}._dlt_loads where status = 0)"
            )


def _has_tables(database: Path) -> bool:
    if not database.exists():
        return False
    with reading(database) as db:
        tables = {
            name for (name,) in db.sql("select table_name from duckdb_tables() where schema_name = 'kili'").fetchall()
        }
    return {*_names(), "_dlt_loads"} <= tables


def _summary(load_id: str | None, exports: list[NewExport], database: Path) -> Load:
    counts = "select count(*) filter (where {} = ?), count(*) from {}.{}"
    with reading(database) as db:
        rows = {
            name: db.execute(counts.format(records.LOAD_ID, SCHEMA, name), [load_id]).fetchall()[0] for name in _names()
        }
        ids = [export.export_id for export in exports]
        query = "select count(*) from kili.exports where is_rejected and list_contains(?, export_id)"
        rejected = db.execute(query, [ids]).fetchall()[0][0]
    new, total = ({name: row[i] for name, row in rows.items()} for i in (0, 1))
    return Load(load_id, new, total, len(exports), rejected)


def _names() -> list[str]:
    return [table.name for table in records.TABLES]
