"""The published warehouse: what consumers open."""

from collections.abc import Iterable

import dagster as dg

from pipelines import publishing, transform
from pipelines.settings import Settings


def release(upstream: Iterable[dg.AssetKey]) -> dg.AssetsDefinition:
    """The release folder and the link to it."""

    @dg.asset(key=["published", "warehouse"], deps=list(upstream), group_name="published", kinds={"duckdb", "parquet"})
    def published(context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult[None]:
        """One folder a release: marts and ledger as a DuckDB file and as Parquet, and the pages about them.

        `current` in the warehouse folder is moved to the newest in one step, so readers see the old release or the new one.
        """
        made = publishing.publish(settings.warehouse, settings.database, transform.models_digest())
        context.log.info("published %s", made.id)
        return dg.MaterializeResult(
            metadata={
                "release": made.id,
                "warehouse": dg.MetadataValue.path(settings.warehouse / "warehouse.duckdb"),
                **{f"rows/{table}": count for table, count in made.row_counts.items()},
            }
        )

    return published
