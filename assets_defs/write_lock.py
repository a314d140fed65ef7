"""One writer at a time: a pool for the runs of one Dagster instance, and the warehouse's lock for all processes."""

from collections.abc import Iterator
from typing import Final

import dagster as dg

from pipelines import preflight
from pipelines.kili import choice
from pipelines.loading import lock
from pipelines.settings import Settings

POOL: Final = "warehouse"  # has one slot, which a run holds from start to end: see `instance`

_MAX_WAIT: Final = 3600  # seconds


def resource(settings: Settings) -> dg.ResourceDefinition:
    """The lock as a resource. A run whose steps require it holds it from before its first step until its end."""

    @dg.resource(config_schema={}, description="The warehouse's lock. Only the run that holds it writes.")
    def warehouse_lock(context: dg.InitResourceContext) -> Iterator[None]:
        with lock.held(settings, _MAX_WAIT, context.log or lock.log) as is_taken, choice.copies_removed(settings):
            if is_taken:
                preflight.check(settings, context.log or preflight.log)
            yield

    return warehouse_lock
