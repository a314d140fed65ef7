"""Recognises a run that would change nothing, without Dagster, dlt and dbt, which take long to start."""

from pipelines.comparison import method
from pipelines.kili import ledger, reconciliation
from pipelines.landing import cache, discovery
from pipelines.loading import database
from pipelines.publishing import release
from pipelines.settings import Settings
from pipelines.transform import project


def summary_if_up_to_date(settings: Settings, found: list[discovery.Found]) -> ledger.Load | None:
    """The result of a load of these exports; null if a run may have something to do."""
    file = settings.database
    if not file.exists() or not release.is_current(settings.warehouse, file, project.models_digest()):
        return None
    with cache.opened(settings) as known:
        landed = [known.land(one) for one in found]
    exports = ledger.identified(landed, settings)
    if ledger.unread(exports, file) or ledger.is_outdated(file) or not reconciliation.is_even(file):
        return None
    with database.reading(file) as db:
        if method.newest_version(db) != method.from_settings(settings).version:
            return None
    return ledger.summary(None, exports, file)
