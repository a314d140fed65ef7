"""Schema `comparison`: the compared pairs of labels, loaded by dlt in one load."""

import logging
from collections.abc import Iterator
from typing import Any, Final

import dagster as dg

from assets_defs import dlt_tables, ui_metadata, write_lock
from pipelines.comparison import load as comparison_load
from pipelines.comparison import method, records, source
from pipelines.settings import Settings

log = logging.getLogger(__name__)

_PAIRS: Final = dg.AssetKey([comparison_load.SCHEMA, "pairs"])
_READ: Final = [
    dg.AssetKey(["intermediate", name])
    for name in (
        *("label_pairs", "current_labels", "current_responses", "current_annotations"),
        *("ratings", "units", "job_ratings"),
    )
]


def tables(settings: Settings) -> dg.AssetsDefinition:
    """The tables of schema `comparison`: one op, because each pair is compared once for all of them."""
    nothing = source.comparison(method.from_settings(settings), None, None)

    @dg.multi_asset(
        name="comparison",
        pool=write_lock.POOL,
        specs=dlt_tables.specs(nothing, comparison_load.SCHEMA, records.TABLES, _READ),
    )
    def comparison(
        settings: dg.ResourceParam[Settings],
        warehouse_lock: dg.ResourceParam[None],  # noqa: ARG001
    ) -> Iterator[dg.MaterializeResult[None]]:
        load = comparison_load.load(settings)
        log.info("compared %d pairs of labels, %d in all", load.new_row_counts["pairs"], load.row_counts["pairs"])
        log.info("fitted the Dawid-Skene model to %d units", load.new_row_counts["dawid_skene"])
        spread = _spread(comparison_load.score_histogram(settings.database))
        for result in dlt_tables.materialized(comparison_load.SCHEMA, load.row_counts, load.new_row_counts):
            more = spread if result.asset_key == _PAIRS else {}
            yield result._replace(metadata={**(result.metadata or {}), **more})

    return comparison


def _spread(tenths: list[comparison_load.ScoreBin]) -> dict[str, Any]:
    scored = sum(one.pair_count for one in tenths if one.tenth is not None)
    mean = sum(one.score_sum or 0 for one in tenths) / scored if scored else None
    names = ["no score" if one.tenth is None else f"{one.tenth / 10} to {(one.tenth + 1) / 10}" for one in tenths]
    chart = ui_metadata.bars(zip(names, (one.pair_count for one in tenths), strict=True))
    summary = f"Pairs of labels by their score, all that the newest method has compared:\n\n{chart}"
    return {"scored_pairs": scored, "mean_score": mean, "summary": dg.MetadataValue.md(summary)}
