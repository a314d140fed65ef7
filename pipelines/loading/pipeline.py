"""The dlt pipelines that append to the pipeline's own DuckDB file, and the load of schema `kili`."""

import gc
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import dlt
import duckdb
import pyarrow as pa
from dlt.common.destination import Destination
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials
from dlt.sources import DltSource

from pipelines import derived
from pipelines.kili import ledger, records, source
from pipelines.kili.reader import NewExport
from pipelines.landing import discovery
from pipelines.loading import dlt_resources, tables
from pipelines.settings import Settings

_MEMORY: Final = 128 << 20
_TIMES_A_RECORD: Final = 12  # what DuckDB needs to check and compress one answer, in times its size


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
    """DuckDB with so many bytes of memory, and as it inserts most quickly."""
    config = {
        "memory_limit": f"{memory}B",
        "threads": 1,
        "preserve_insertion_order": False,  # that takes memory, too much where two tables load at a time
        "disabled_compression_methods": "fsst",  # a seventh of the time, for a fifth more bytes
    }
    # Where dlt sets 1 GB, a table's rows are written twice: once to the log, and once more when the file is closed.
    settled = ["set global checkpoint_threshold = '1MB'"]
    return dlt.destinations.duckdb(DuckDbCredentials(str(database), global_config=config, statements=settled))


def load(found: list[discovery.Landed], settings: Settings) -> ledger.Load:
    """Appends what is new in the exports to schema `kili`, in one dlt load that counts once it is finished."""
    pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own gives little back: twice the memory at the peak
    settings.prepare_work()
    cut_unfinished_loads(settings.database, ledger.SCHEMA, records.TABLES)
    exports = ledger.identified(found, settings)
    new = ledger.unread(exports, settings.database)
    largest: list[int] = []
    has_work = bool(new) or ledger.is_outdated(settings.database)
    load_id = append(_source(new, settings, largest), ledger.SCHEMA, settings, largest) if has_work else None
    return ledger.summary(load_id, exports, settings.database)


def append(data: DltSource, schema: str, settings: Settings, largest: Sequence[int] = ()) -> str:
    """Runs dlt; gives the id of the load. What a run that died left in dlt's folder is not needed, and goes.

    `largest`: the sizes of large records, known once `data` is extracted.
    """
    derived.remove(settings.work / "dlt")
    run = pipeline(schema, settings)
    run.sync_destination()
    with _collector_off():
        run.extract(data, loader_file_format="parquet")
    shutil.rmtree(dlt_resources.spooled(run), ignore_errors=True)  # dlt has links to the files
    run.normalize()
    pa.default_memory_pool().release_unused()  # to the system, what extracting took
    memory = max(_MEMORY, _TIMES_A_RECORD * max(largest, default=0))
    with duckdb.connect(str(settings.database)):  # else dlt opens and closes the file for each job
        info = run.load(destination=_destination(settings.database, memory))
    info.raise_on_failed_jobs()
    return info.loads_ids[0]


@contextmanager
def _collector_off() -> Iterator[None]:
    """Without the search for cycles, of which rows have none: it takes a third of the time of making them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _source(exports: list[NewExport], settings: Settings, largest: list[int]) -> DltSource:
    known = settings.database, settings.project_id, settings.timezone
    how = settings, settings.workers, settings.is_key_frames_only
    return source.kili(exports, *known, *how, largest)


def cut_unfinished_loads(database: Path, schema: str, declared: Sequence[tables.Table]) -> None:
    """Removes rows of loads that never finished: a run that died left them, and no reader has ever seen them."""
    if not database.exists():
        return
    with duckdb.connect(str(database)) as db:
        present = ledger.table_names(db, schema)
        finished = (
            f"select load_id from {schema}._dlt_loads where status = 0" if "_dlt_loads" in present else "select ''"
        )
        for table in declared:
            if table.name in present:
                db.execute(f"delete from {schema}.{table.name} where {tables.LOAD_ID} not in ({finished})")
