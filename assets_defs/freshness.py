"""The freshness policy of tables."""

from datetime import timedelta

import dagster as dg

from pipelines.settings import Settings


def policy(settings: Settings) -> dg.FreshnessPolicy | None:
    """A run has built or confirmed the table within KILI_MAX_LOAD_AGE_HOURS. After half of them Dagster warns."""
    fail = timedelta(hours=settings.max_load_age_hours)
    return dg.FreshnessPolicy.time_window(fail_window=fail, warn_window=fail / 2) if fail else None
