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

from pipelines import derived
from pipelines.loading import database, dlt_resources
from pipelines.settings import Settings

_MEMORY: Final = 128 << 20
_TIMES_A_RECORD: Final = 12  # DuckDB needs this multiple of an answer's size to check and compress it


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


def _destination(file: Path, memory: int) -> Destination[Any, Any]:
    """DuckDB as a destination, with a limit of memory in bytes, tuned for inserts."""
    config = {
        "memory_limit": f"{memory}B",
        "threads": 1,
        "preserve_insertion_order": False,  # that takes memory, too much where two tables load at a time
        "disabled_compression_methods": "fsst",  # a seventh of the time, for a fifth more bytes
    }
    # With dlt's 1 GB, rows are written twice: to the log, and again when the file is closed.
    settled = ["set global checkpoint_threshold = '1MB'"]
    return dlt.destinations.duckdb(DuckDbCredentials(str(file), global_config=config, statements=settled))


def append(data: DltSource, schema: str, settings: Settings) -> str:
    """Appends all that a source gives; returns the id of the load."""
    return load(extract(data, schema, settings), settings)


def extract(data: DltSource, schema: str, settings: Settings) -> dlt.Pipeline:
    """Reads a source into Parquet files in dlt's folder. Files of a killed run are deleted first."""
    derived.remove(settings.work / "dlt")
    run = pipeline(schema, settings)
    run.sync_destination()
    with _collector_off():
        run.extract(data, loader_file_format="parquet")
    shutil.rmtree(dlt_resources.spooled(run), ignore_errors=True)  # dlt has links to the files
    return run


def load(run: dlt.Pipeline, settings: Settings, largest_record: int = 0) -> str:
    """Loads what a pipeline has extracted; returns the id of the load. `largest_record`: its size in bytes."""
    run.normalize()
    pa.default_memory_pool().release_unused()  # returns the memory of the extraction to the system
    memory = max(_MEMORY, _TIMES_A_RECORD * largest_record)
    with database.writing(settings.database):  # keeps the file open, which dlt would open and close for each job
        info = run.load(destination=_destination(settings.database, memory))
    info.raise_on_failed_jobs()
    return info.loads_ids[0]


@contextmanager
def _collector_off() -> Iterator[None]:
    """Switches the cyclic garbage collector off: rows have no cycles, and it takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
