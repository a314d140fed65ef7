"""The pipeline's own DuckDB file and the dlt pipeline that appends to its schema `kili`."""

import os
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
    """What one load did: its id (null if nothing was new), the rows it wrote, and the rows there are, by table."""

    load_id: str | None
    new_row_counts: dict[str, int]
    row_counts: dict[str, int]


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
    os.chmod(settings.work, 0o700)
    _cut_unfinished_loads(settings.database)
    exports = _new(found, settings.database)
    if not exports:
        return _load(settings.database, None)
    # What a run that died left behind is read again from the exports: nothing in dlt's folder is needed.
    shutil.rmtree(settings.work / "dlt", ignore_errors=True)
    run = pipeline(settings)
    data = source.kili(exports, settings.database, settings.project_id, settings.timezone)
    info = run.run(data, loader_file_format="parquet")
    info.raise_on_failed_jobs()
    return _load(settings.database, info.loads_ids[0])


@contextmanager
def reading(database: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse opened for reading; closed again at the end, since dbt and dlt need it for themselves."""
    with duckdb.connect(str(database), read_only=True) as connection:
        yield connection


def _new(found: list[landing.Landed], database: Path) -> list[NewExport]:
    """The exports whose content the ledger does not know, each once."""
    known = _known_exports(database)
    new = []
    for one in found:
        export_id, size = containers.identify(one.path)
        if export_id not in known:
            known.add(export_id)
            new.append(NewExport(one, export_id, size))
    return new


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
        tables = {name for (name,) in db.sql("select table_name from duckdb_tables() where schema_name = 'kili'").fetchall()}
    return {*_names(), "_dlt_loads"} <= tables


def _load(database: Path, load_id: str | None) -> Load:
    counts = "select count(*) filter (where {} = ?), count(*) from {}.{}"
    with reading(database) as db:
        rows = {name: db.execute(counts.format(records.LOAD_ID, SCHEMA, name), [load_id]).fetchall() for name in _names()}
    return Load(load_id, {name: new for name, [(new, _)] in rows.items()}, {name: all_ for name, [(_, all_)] in rows.items()})


def _names() -> list[str]:
    return [table.name for table in records.TABLES]
