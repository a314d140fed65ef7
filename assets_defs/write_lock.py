"""One writer at a time: a pool for the runs of one Dagster, and the warehouse's lock for processes of any kind."""

from collections.abc import Iterator
from typing import Final

import dagster as dg

from pipelines import preflight
from pipelines.loading import lock
from pipelines.settings import Settings

POOL: Final = "warehouse"  # of one, held by a run from its start to its end: see home

_PATIENCE: Final = 3600  # seconds


def alone(settings: Settings) -> dg.ResourceDefinition:
    """The settings as a resource, with which comes the lock: a run has both from before its first step to its end."""

    @dg.resource(
        config_schema={}, description="The settings of this warehouse. A run that has them holds the warehouse's lock."
    )
    def with_lock(context: dg.InitResourceContext) -> Iterator[Settings]:
        with lock.held(settings, _PATIENCE, context.log or lock.log) as is_taken:
            if is_taken:
                preflight.check(settings, context.log or preflight.log)
            yield settings

    return with_lock
