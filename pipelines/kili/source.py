"""The dlt source of schema `kili`: reads each export once and yields the changed rows of every table."""

import logging
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Final

import dlt
import pyarrow as pa
from dlt.sources import DltResource

from pipelines.kili import forgotten, people, records, rows, versions
from pipelines.kili.forgotten import Forgotten
from pipelines.kili.reader import Reader
from pipelines.kili.stored import KnownAssets
from pipelines.kili.workers import Workers
from pipelines.loading import dlt_resources
from pipelines.loading.parquet_files import Spool
from pipelines.settings import Settings

log = logging.getLogger(__name__)

_SIGHTING_ROW: Final = ("export_id", *rows.Sighting._fields)


@dlt.source(name="kili")
def kili(readers: list[Reader], settings: Settings) -> Iterator[DltResource]:
    """Returns a resource for each table. They share one unselected parent, so that each export is read once."""
    is_key_frames_only = settings.is_key_frames_only

    hidden, gone = people.from_settings(settings), forgotten.read(settings.work)

    def read(spool: Spool) -> Iterator[rows.Tables]:
        stored = KnownAssets(settings.database, is_key_frames_only, hidden, gone)
        with stored as known, Workers(settings.workers, spool) as workers:
            for outdated in known.outdated_answers(versions.FLATTEN_VERSION):
                yield rows.reflatten(outdated, is_key_frames_only=is_key_frames_only)
            yield from batches(readers, known, workers, gone)

    yield from dlt_resources.resources(read, records.TABLES)


def batches(
    readers: list[Reader], known: KnownAssets, workers: Workers, gone: Forgotten | None = None
) -> Iterator[rows.Tables]:
    """Yields the rows of exports in batches, in the order of the exports and of their assets.

    `gone`: the forgotten people, whom no row of an export or reject names.
    """
    for number, reader in enumerate(readers, start=1):
        for result in _results(reader, known, workers):
            if number < len(readers):
                known.add(result.known)
            yield _without(gone, _tables(reader, result))
        last = {
            "sightings": _sightings(reader, reader.sightings),
            "rejects": records.REJECTS.from_dicts(reader.rejects),
            "exports": records.EXPORTS.from_dicts(reader.ledger_rows()),
        }
        yield _without(gone, last)
        log.info("read %s (%d of %d)", reader.new.landed.url, number, len(readers))


def _results(reader: Reader, known: KnownAssets, workers: Workers) -> Iterator[rows.BatchResult]:
    """Yields the results of an export's batches in order, while the workers process several batches in parallel."""
    pending: deque[Future[rows.BatchResult]] = deque()
    if known.is_empty:
        workers.expect(reader.new.size_bytes)
    for texts in reader.batches(known):
        asset_ids = {text.asset_id for group in texts for text in group if text.asset_id}
        pending.append(workers.submit(texts, known.known_state(asset_ids)))
        while pending and (pending[0].done() or len(pending) > workers.max_pending):
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _without(gone: Forgotten | None, tables: rows.Tables) -> rows.Tables:
    """The tables without forgotten people in rejects and exports. `rows.process_batch` replaced them in all others."""
    if gone is None:
        return tables
    return {name: gone.table(name, one) if name in ("rejects", "exports") else one for name, one in tables.items()}


def _sightings(reader: Reader, sightings: list[rows.Sighting]) -> pa.Table:
    return records.SIGHTINGS.batch([(reader.new.export_id, *sighting) for sighting in sightings], _SIGHTING_ROW)


def _tables(reader: Reader, result: rows.BatchResult) -> rows.Tables:
    """Adds a batch's result to the reader, and returns the rows of the batch by table."""
    reader.add_result(result.rejects, result.counts)
    rejects, reader.rejects = reader.rejects, []
    if result.counts.label_container != reader.counts.label_container:
        result.sightings = [sighting._replace(record_hash=None) for sighting in result.sightings]
    sightings = _sightings(reader, result.sightings)
    tables = {**result.tables, "sightings": sightings, "rejects": records.REJECTS.from_dicts(rejects)}
    return {name: table for name, table in tables.items() if len(table)}
