"""Detects that a run would change nothing, without starting Dagster, dlt and dbt, which takes seconds."""

from pipelines.comparison import method
from pipelines.kili import ledger, reconciliation
from pipelines.landing import cache, discovery
from pipelines.loading import database
from pipelines.publishing import release
from pipelines.settings import Settings
from pipelines.transform import project


def summary_if_up_to_date(settings: Settings, exports: list[discovery.FoundExport]) -> ledger.Load | None:
    """The result that a load of these exports would have; null if a run may have something to do."""
    file = settings.database
    if not file.exists() or not release.is_current(settings.warehouse, file, project.models_digest()):
        return None
    with cache.opened(settings) as known:
        landed = [known.land(export) for export in exports]
    identified = ledger.identify_exports(landed, settings)
    if ledger.exports_to_read(identified, file) or ledger.is_outdated(file) or not reconciliation.is_balanced(file):
        return None
    with database.reading(file) as db:
        if method.newest_version(db) != method.from_settings(settings).version:
            return None
    return ledger.summary(None, identified, file)
