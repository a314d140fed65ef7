"""The pipeline's own DuckDB file, the dlt pipelines that append to it, and the load of schema `kili`."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import dlt
import duckdb
import pyarrow as pa
from dlt.common.destination import Destination
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials
from dlt.sources import DltSource

from pipelines import identities, landing, tables
from pipelines.kili import records, source
from pipelines.kili.answers import FLATTEN_VERSION
from pipelines.kili.known import Known
from pipelines.kili.reading import LOADER_VERSION, NewExport
from pipelines.settings import Settings

SCHEMA: Final = "kili"
_MEMORY: Final = 256 << 20
_TIMES_A_RECORD: Final = 12  # what DuckDB needs to check and compress one answer, in times its size
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


def pipeline(schema: str, settings: Settings) -> dlt.Pipeline:
    """The dlt pipeline into a schema; its working folder is the warehouse's, never the user's home."""
    dlt.config["normalize.parquet_normalizer.add_dlt_load_id"] = True
    dlt.config["load.delete_completed_jobs"] = True
    dlt.config["load.workers"] = settings.workers
    return dlt.pipeline(
        pipeline_name=schema,
        destination=_destination(settings.database, _MEMORY),
        dataset_name=schema,
        pipelines_dir=str(settings.work / "dlt"),
    )


def _destination(database: Path, memory: int) -> Destination[Any, Any]:
    """DuckDB with one thread for each table that dlt loads, which is quicker than more, and so many bytes of memory."""
    config = {"threads": 1, "memory_limit": f"{memory}B"}
    return dlt.destinations.duckdb(DuckDbCredentials(str(database), global_config=config))


def load(found: list[landing.Landed], settings: Settings) -> Load:
    """Appends what is new in the exports to schema `kili`, in one dlt load that counts once it is finished."""
    pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own gives little back: twice the memory at the peak
    settings.prepare_work()
    cut_unfinished_loads(settings.database, SCHEMA, records.TABLES)
    exports = _identified(found, settings)
    known = _known_exports(settings.database)
    new = [export for export in exports if export.export_id not in known]
    largest: list[int] = []
    has_work = bool(new) or _has_outdated(settings.database)
    load_id = append(_source(new, settings, largest), SCHEMA, settings, largest) if has_work else None
    return _summary(load_id, exports, settings.database)


def append(data: DltSource, schema: str, settings: Settings, largest: Sequence[int] = ()) -> str:
    """Runs dlt; gives the id of the load. What a run that died left in dlt's folder is not needed, and goes.

    `largest`: the sizes of large records, known once `data` is extracted.
    """
    shutil.rmtree(settings.work / "dlt", ignore_errors=True)
    run = pipeline(schema, settings)
    run.sync_destination()
    run.extract(data, loader_file_format="parquet")
    run.normalize()
    memory = max(_MEMORY, _TIMES_A_RECORD * max(largest, default=0))
    info = run.load(destination=_destination(settings.database, memory))
    info.raise_on_failed_jobs()
    return info.loads_ids[0]


def _source(exports: list[NewExport], settings: Settings, largest: list[int]) -> DltSource:
    known = settings.database, settings.project_id, settings.timezone
    how = settings.limits, settings.workers, settings.is_key_frames_only
    return source.kili(exports, *known, *how, largest)


@contextmanager
def reading(database: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse opened for reading; closed again at the end, since dbt and dlt need it for themselves."""
    with duckdb.connect(str(database), read_only=True) as connection:
        yield connection


def _identified(found: list[landing.Landed], settings: Settings) -> list[NewExport]:
    """The exports by their content, each content once."""
    exports: dict[str, NewExport] = {}
    with identities.opened(settings) as known:
        for one in found:
            export_id, size = known.identify(one.path)
            exports.setdefault(export_id, NewExport(one, export_id, size))
    return list(exports.values())


def _known_exports(database: Path) -> set[str]:
    """Exports that need not be read again; what an older loader rejected is tried once more."""
    if not database.exists():
        return set()
    query = f"""
        select export_id from {NEWEST_READINGS}
        where loader_version = ? or not (is_rejected or rejected_asset_count + rejected_label_count > 0)"""
    with reading(database) as db:
        if not _tables(db, SCHEMA):
            return set()
        return {export_id for (export_id,) in db.execute(query, [LOADER_VERSION]).fetchall()}


def _has_outdated(database: Path) -> bool:
    with Known(database) as known:
        return any(known.outdated(FLATTEN_VERSION))


def cut_unfinished_loads(database: Path, schema: str, declared: Sequence[tables.Table]) -> None:
    """Removes rows of loads that never finished: a run that died left them, and no reader has ever seen them."""
    if not database.exists():
        return
    with duckdb.connect(str(database)) as db:
        present = _tables(db, schema)
        finished = (
            f"select load_id from {schema}._dlt_loads where status = 0" if "_dlt_loads" in present else "select ''"
        )
        for table in declared:
            if table.name in present:
                db.execute(f"delete from {schema}.{table.name} where {tables.LOAD_ID} not in ({finished})")


def _tables(db: duckdb.DuckDBPyConnection, schema: str) -> set[str]:
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


def _summary(load_id: str | None, exports: list[NewExport], database: Path) -> Load:
    new, total = row_counts(database, SCHEMA, records.TABLES, load_id)
    with reading(database) as db:
        ids = [export.export_id for export in exports]
        query = f"select count(*) from {NEWEST_READINGS} where is_rejected and list_contains(?, export_id)"
        rejected = db.execute(query, [ids]).fetchall()[0][0]
    return Load(load_id, new, total, len(exports), rejected)
