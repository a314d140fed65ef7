"""Checks of the warehouse that are more than a dbt test."""

from typing import Final

import dagster as dg

from assets_defs import ui_metadata
from pipelines.loading import database
from pipelines.settings import Settings

_TOLERANCE: Final = 0.01
_COLUMNS: Final = ("mark", "external_id", "asset_id", "label_key", "kili_score", "score", "difference")
_OFF: Final = f"""
    select {", ".join(_COLUMNS)}
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
    with database.reading(settings.database) as db:
        rows = database.rows(db, _OFF)
        count = db.execute("select count(score) from marts.score_reconciliation").fetchall()[0][0]
    table = ui_metadata.table(_COLUMNS, [list(row.values()) for row in rows])
    return dg.AssetCheckResult(
        passed=not rows,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "marks": count,
            "off": len(rows),
            "rows": table,
        },
    )
