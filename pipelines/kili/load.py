"""Loads new exports into schema `kili`."""

import pyarrow as pa

from pipelines.kili import ledger, records, source
from pipelines.kili.reader import Reader
from pipelines.landing import discovery
from pipelines.loading import database, pipeline
from pipelines.settings import Settings


def load(landed: list[discovery.Landed], settings: Settings) -> ledger.Load:
    """Appends the new rows of exports to schema `kili` in one dlt load. Rows of an unfinished load do not count."""
    pa.set_memory_pool(pa.system_memory_pool())  # Arrow's default pool returns little memory: the peak is twice as high
    settings.prepare_work()
    database.delete_unfinished_loads(settings.database, ledger.SCHEMA, records.TABLES)
    exports = ledger.identify_exports(landed, settings)
    new = ledger.exports_to_read(exports, settings.database)
    load_id = None
    if new or ledger.is_outdated(settings.database):
        readers = [Reader(export, settings.project_id, settings.timezone, settings) for export in new]
        run = pipeline.extract(source.kili(readers, settings), ledger.SCHEMA, settings)
        load_id = pipeline.load(run, settings, max((reader.largest for reader in readers), default=0))
    return ledger.summary(load_id, exports, settings.database)
