"""Tells a run that would change nothing, without Dagster, dlt and dbt, which take long to start."""

from pipelines.comparison import method
from pipelines.kili import ledger, reconciliation
from pipelines.landing import cache, discovery
from pipelines.publishing import release
from pipelines.settings import Settings
from pipelines.transform import project


def load(settings: Settings, url: str) -> ledger.Load | None:
    """What a run on the exports under a URL would say of its load; null if it may have something to do.

    Raises `NoExport`.
    """
    database = settings.database
    if not database.exists() or not release.is_current(settings.warehouse, database, project.models_digest()):
        return None
    with cache.opened(settings) as known:
        found = [known.land(one) for one in discovery.find(url, settings.warehouse)]
    exports = ledger.identified(found, settings)
    if ledger.unread(exports, database) or ledger.is_outdated(database) or not reconciliation.is_even(database):
        return None
    with ledger.reading(database) as db:
        if method.newest(db) != method.of(settings).version:
            return None
    return ledger.summary(None, exports, database)
