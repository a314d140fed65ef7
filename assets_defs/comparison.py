"""Schema `comparison`: pairs of labels compared, loaded by dlt in one go."""

import logging
from collections.abc import Iterator
from typing import Final

import dagster as dg

from assets_defs import dlt_tables, writing
from pipelines.comparison import loading, records, source
from pipelines.settings import Settings

log = logging.getLogger(__name__)

_READ: Final = [
    dg.AssetKey(["intermediate", name])
    for name in ("label_pairs", "current_labels", "current_responses", "current_annotations")
]


def tables(settings: Settings) -> dg.AssetsDefinition:
    """The tables of schema `comparison`: one op, because one comparison of each pair feeds them all."""
    nothing = source.comparison(settings.database, settings.method)

    @dg.multi_asset(
        name="comparison",
        pool=writing.POOL,
        specs=dlt_tables.specs(nothing, loading.SCHEMA, records.TABLES, _READ, settings),
    )
    def comparison(settings: dg.ResourceParam[Settings]) -> Iterator[dg.MaterializeResult[None]]:
        load = loading.load(settings)
        log.info("compared %d pairs of labels, %d in all", load.new_row_counts["pairs"], load.row_counts["pairs"])
        yield from dlt_tables.materialized(loading.SCHEMA, load.row_counts, load.new_row_counts)

    return comparison
