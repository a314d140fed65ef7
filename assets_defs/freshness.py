"""The freshness policy of the tables."""

from datetime import timedelta

import dagster as dg

from pipelines.settings import Settings


def policy(settings: Settings) -> dg.FreshnessPolicy | None:
    """A run must write or confirm the table within KILI_MAX_LOAD_AGE_HOURS. Dagster warns after half of that time."""
    fail = timedelta(hours=settings.max_load_age_hours)
    return dg.FreshnessPolicy.time_window(fail_window=fail, warn_window=fail / 2) if fail else None
