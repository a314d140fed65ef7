"""The published warehouse, which consumers open."""

import logging
from collections.abc import Iterable

import dagster as dg

from assets_defs import ui_metadata, write_lock
from pipelines.publishing import contents, data_dictionary_page, published_tables
from pipelines.publishing import release as releases
from pipelines.settings import Settings
from pipelines.transform import project

log = logging.getLogger(__name__)


def release(upstream: Iterable[dg.AssetKey]) -> dg.AssetsDefinition:
    """The release folder and the link to it. `upstream` are the keys of all tables."""
    deps = [key for key in upstream if published_tables.is_published(*key.path)]

    @dg.asset(
        key=["published", "warehouse"],
        deps=deps,
        group_name="published",
        kinds={"duckdb", "parquet"},
        pool=write_lock.POOL,
        config_schema={},
    )
    def published(
        settings: dg.ResourceParam[Settings],
        warehouse_lock: dg.ResourceParam[None],  # noqa: ARG001
    ) -> dg.MaterializeResult[None]:
        """One folder per release: marts and ledger as a DuckDB file and as Parquet, and HTML pages.

        The link `current` in the warehouse folder moves to the newest release in one step. Readers see either the old
        release or the new one.
        """
        digest = project.models_digest()
        dictionary = data_dictionary_page.path(settings.database, settings.dbt, digest)
        newest_release = releases.publish(settings.warehouse, settings.database, digest, data_dictionary=dictionary)
        log.info("published %s", newest_release.id)
        numbers = contents.numbers(settings.warehouse)
        newest = numbers.pop("newest_label_at")
        return dg.MaterializeResult(
            metadata={
                "release": newest_release.id,
                "warehouse": dg.MetadataValue.path(settings.warehouse / "warehouse.duckdb"),
                "summary": dg.MetadataValue.md(_summary(newest_release, contents.edits(settings.warehouse))),
                "newest_label_at": dg.MetadataValue.timestamp(newest) if newest else None,
                **numbers,
                **{f"rows/{table}": count for table, count in newest_release.row_counts.items()},
            }
        )

    return published


def _summary(made: releases.Release, edits: list[tuple[str, int]]) -> str:
    rows = [f"| `{table}` | {count:,} |" for table, count in made.row_counts.items()]
    tables = "\n".join([f"Release `{made.id}`", "", "| table | rows |", "| --- | ---: |", *rows])
    return f"{tables}\n\nAnnotations by the reviewer's edit:\n\n{ui_metadata.bars(edits)}" if edits else tables
