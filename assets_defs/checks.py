"""Checks of the warehouse that are more than a dbt test."""

from typing import Final

import dagster as dg

from assets_defs import ui_metadata
from pipelines.kili import ledger
from pipelines.settings import Settings

_TOLERANCE: Final = 0.01
_OFF: Final = f"""
    select mark, external_id, asset_id, label_key, kili_score, score, difference
    from marts.score_reconciliation
    where abs(difference) > {_TOLERANCE} order by abs(difference) desc, mark, asset_id, label_key"""


@dg.asset_check(
    asset=["marts", "score_reconciliation"],
    config_schema={},
    description=f"Kili's own marks and our scores differ by {_TOLERANCE} at most.",
)
def scores_match_kili(
    settings: dg.ResourceParam[Settings],
    warehouse_lock: dg.ResourceParam[None],  # noqa: ARG001
) -> dg.AssetCheckResult:
    """Warns with the marks that differ; the greatest differences first."""
    with ledger.reading(settings.database) as db:
        found = db.execute(_OFF)
        names = [column[0] for column in found.description or []]
        rows = found.fetchall()
        count = db.execute("select count(score) from marts.score_reconciliation").fetchall()[0][0]
    return dg.AssetCheckResult(
        passed=not rows,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"marks": count, "off": len(rows), "rows": ui_metadata.table(names, rows)},
    )
