"""The dlt pipelines that append to the pipeline's own DuckDB file."""

import gc
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import dlt
import pyarrow as pa
from dlt.common.destination import Destination
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials
from dlt.sources import DltSource

from pipelines import rebuildable
from pipelines.loading import database, dlt_resources
from pipelines.settings import Settings

_MIN_MEMORY: Final = 128 << 20  # bytes
_MEMORY_PER_RECORD_BYTE: Final = 12  # what DuckDB needs to check and compress one answer


def pipeline(schema: str, settings: Settings) -> dlt.Pipeline:
    """The dlt pipeline that loads a schema. It works in the warehouse's folder, not in the user's home."""
    dlt.config["normalize.parquet_normalizer.add_dlt_load_id"] = True
    dlt.config["load.delete_completed_jobs"] = True
    dlt.config["load.workers"] = settings.workers
    return dlt.pipeline(
        pipeline_name=schema,
        destination=_destination(settings.database, _MIN_MEMORY),
        dataset_name=schema,
        pipelines_dir=str(settings.work / "dlt"),
    )


def _destination(file: Path, memory: int) -> Destination[Any, Any]:
    """DuckDB with the settings for the fastest inserts. `memory`: the limit in bytes."""
    config = {
        "memory_limit": f"{memory}B",
        "threads": 1,
        "preserve_insertion_order": False,  # it would exceed the memory when two tables load at a time
        "disabled_compression_methods": "fsst",  # saves 6/7 of the time, for 1/5 more bytes
    }
    # dlt sets 1 GB. It would write a table's rows twice: to the log, and again when the file is closed.
    statements = ["set global checkpoint_threshold = '1MB'"]
    return dlt.destinations.duckdb(DuckDbCredentials(str(file), global_config=config, statements=statements))


def append(data: DltSource, schema: str, settings: Settings) -> str:
    """Appends all rows of a source; returns the id of the load."""
    return load(extract(data, schema, settings), settings)


def extract(data: DltSource, schema: str, settings: Settings) -> dlt.Pipeline:
    """Reads a source into Parquet files in dlt's folder. First deletes the files that a killed run left there."""
    rebuildable.remove(settings.work / "dlt")
    run = pipeline(schema, settings)
    run.sync_destination()
    with _without_garbage_collector():
        run.extract(data, loader_file_format="parquet")
    shutil.rmtree(dlt_resources.spool_folder(run), ignore_errors=True)  # dlt has linked the files
    return run


def load(run: dlt.Pipeline, settings: Settings, largest_record: int = 0) -> str:
    """Loads the rows that a pipeline has extracted; returns the id of the load. `largest_record`: a size in bytes."""
    run.normalize()
    pa.default_memory_pool().release_unused()  # returns the memory of the extraction to the system
    memory = max(_MIN_MEMORY, _MEMORY_PER_RECORD_BYTE * largest_record)
    with database.writing(settings.database):  # keeps it open, where dlt would open and close it for each job
        info = run.load(destination=_destination(settings.database, memory))
    info.raise_on_failed_jobs()
    return info.loads_ids[0]


@contextmanager
def _without_garbage_collector() -> Iterator[None]:
    """Turns the garbage collector off: rows have no cycles, and it takes a third of the time of making them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
