"""The dlt source of schema `kili`: reads each export once, and writes only what changed."""

import logging
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Final

import dlt
import pyarrow as pa
from dlt.sources import DltResource

from pipelines.kili import records, rows, versions
from pipelines.kili.reader import Reader
from pipelines.kili.stored import Known
from pipelines.kili.workers import Workers
from pipelines.loading import dlt_resources
from pipelines.loading.parquet_files import Spool
from pipelines.settings import Settings

log = logging.getLogger(__name__)

_SIGHTING_ROW: Final = ("export_id", *rows.Sighting._fields)


@dlt.source(name="kili")
def kili(readers: list[Reader], settings: Settings) -> Iterator[DltResource]:
    """The tables as transformers of one unselected parent, so that each export is read once."""
    is_key_frames_only = settings.is_key_frames_only

    def read(spool: Spool) -> Iterator[rows.Tables]:
        with Known(settings.database, is_key_frames_only) as known, Workers(settings.workers, spool) as processes:
            for outdated in known.outdated(versions.FLATTEN_VERSION):
                yield rows.flattened_again(outdated, is_key_frames_only=is_key_frames_only)
            yield from batches(readers, known, processes)

    yield from dlt_resources.resources(read, records.TABLES)


def batches(readers: list[Reader], known: Known, workers: Workers) -> Iterator[rows.Tables]:
    """Yields the rows of exports a batch at a time, in the order of the exports and of their assets."""
    for number, reader in enumerate(readers, start=1):
        for taken in _taken(reader, known, workers):
            if number < len(readers):
                known.add(taken.known)
            yield _tables(reader, taken)
        yield {
            "sightings": _sightings(reader, reader.sightings),
            "rejects": records.REJECTS.from_dicts(reader.rejects),
            "exports": records.EXPORTS.from_dicts(reader.ledger_rows()),
        }
        log.info("read %s (%d of %d)", reader.new.landed.url, number, len(readers))


def _taken(reader: Reader, known: Known, workers: Workers) -> Iterator[rows.Taken]:
    """Yields the results of an export's batches, in order, from all workers."""
    waiting: deque[Future[rows.Taken]] = deque()
    if known.is_nothing:
        workers.expect(reader.new.size_bytes)
    for texts in reader.texts(known):
        asset_ids = {text.asset_id for group in texts for text in group if text.asset_id}
        waiting.append(workers.submit(texts, known.state(asset_ids)))
        while waiting and (waiting[0].done() or len(waiting) > workers.ahead):
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _sightings(reader: Reader, seen: list[rows.Sighting]) -> pa.Table:
    return records.SIGHTINGS.batch([(reader.new.export_id, *sighting) for sighting in seen], _SIGHTING_ROW)


def _tables(reader: Reader, taken: rows.Taken) -> rows.Tables:
    reader.add_results(taken.rejects, taken.counts)
    rejects, reader.rejects = reader.rejects, []
    if taken.counts.label_container != reader.counts.label_container:
        taken.sightings = [sighting._replace(record_hash=None) for sighting in taken.sightings]
    sightings = _sightings(reader, taken.sightings)
    tables = {**taken.tables, "sightings": sightings, "rejects": records.REJECTS.from_dicts(rejects)}
    return {name: table for name, table in tables.items() if len(table)}
