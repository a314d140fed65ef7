"""One load of schema `kili`: the exports that are new, read once and appended by dlt."""

import pyarrow as pa

from pipelines.kili import ledger, records, source
from pipelines.kili.reader import Reader
from pipelines.landing import discovery
from pipelines.loading import database, pipeline
from pipelines.settings import Settings


def load(found: list[discovery.Landed], settings: Settings) -> ledger.Load:
    """Appends what is new in the exports to schema `kili`, in one dlt load that counts once it is finished."""
    pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own gives little back: twice the memory at the peak
    settings.prepare_work()
    database.delete_unfinished_loads(settings.database, ledger.SCHEMA, records.TABLES)
    exports = ledger.identified(found, settings)
    new = ledger.unread(exports, settings.database)
    load_id = None
    if new or ledger.is_outdated(settings.database):
        readers = [Reader(one, settings.project_id, settings.timezone, settings) for one in new]
        run = pipeline.extract(source.kili(readers, settings), ledger.SCHEMA, settings)
        load_id = pipeline.load(run, settings, max((reader.largest for reader in readers), default=0))
    return ledger.summary(load_id, exports, settings.database)
