"""The Dagster code location. This module only puts the parts together."""

from collections.abc import Callable
from typing import Final

import dagster as dg

from assets_defs import (
    alerts,
    as_of,
    automation,
    checks,
    comparison,
    dbt_models,
    io_manager,
    kili,
    landing,
    published,
    write_lock,
)
from pipelines import settings
from pipelines.kili import ledger
from pipelines.landing import discovery

JOB: Final = "kili_warehouse"
QUIET: Final = "quiet"  # the logger of a run that prints no Dagster events
_RETRIED_WHOLE: Final = {"dagster/retry_strategy": "ALL_STEPS"}


def build(
    with_settings: settings.Settings,
    found: list[discovery.FoundExport] | None = None,
    on_load: Callable[[ledger.Load], None] | None = None,
) -> dg.Definitions:
    """The code location for one warehouse.

    found: the exports in KILI_EXPORTS, if the caller has listed them. on_load: called with the result of each load.

    A launch request can configure nothing but the time of the job `as_of`. The UI has no log-in, so a path or a command
    in a request would run code as the owner of the UI.
    """
    tables = [kili.tables(with_settings, on_load), comparison.tables(with_settings), dbt_models.models(with_settings)]
    keys = [key for assets in tables for key in assets.keys]
    dated = [spec.key for assets in tables for spec in assets.specs if spec.freshness_policy]
    return dg.Definitions(
        assets=[landing.exports(found), *tables, published.release(keys)],
        asset_checks=[checks.scores_match_kili],
        jobs=[dg.define_asset_job(JOB, dg.AssetSelection.all(), tags=_RETRIED_WHOLE), as_of.as_of],
        sensors=[automation.sensor(with_settings, JOB), alerts.sensor(with_settings, dated)],
        schedules=[automation.schedule(with_settings, JOB)],
        executor=dg.in_process_executor.configured({}, config_schema={}),
        loggers={QUIET: dg.colored_console_logger.configured({"log_level": "CRITICAL"}, config_schema={})},
        resources={
            "settings": dg.ResourceDefinition(lambda _: with_settings, {}, "The settings of this warehouse."),
            "warehouse_lock": write_lock.resource(with_settings),
            "io_manager": io_manager.found_exports(with_settings),
        },
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The code location for the warehouse that the environment names."""
    return build(settings.from_environment())
