"""One writer at a time: a pool for Dagster's runs, and the lock of the warehouse for all processes."""

from collections.abc import Iterator
from typing import Final

import dagster as dg

from pipelines import preflight
from pipelines.loading import lock
from pipelines.settings import Settings

POOL: Final = "warehouse"  # one slot, held by a run from start to end; see `instance`

_PATIENCE: Final = 3600  # seconds


def resource(settings: Settings) -> dg.ResourceDefinition:
    """The lock as a resource. A run holds it from its first step to its end."""

    @dg.resource(config_schema={}, description="The warehouse's lock. A run that has it is the only one that writes.")
    def warehouse_lock(context: dg.InitResourceContext) -> Iterator[None]:
        with lock.held(settings, _PATIENCE, context.log or lock.log) as is_taken:
            if is_taken:
                preflight.check(settings, context.log or preflight.log)
            yield

    return warehouse_lock
