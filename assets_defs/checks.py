"""The asset checks that are more than a dbt test.

The checks of a load run in its step: if records are missing, dbt does not start.
"""

from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any, Final, NamedTuple

import dagster as dg

from assets_defs import ui_metadata
from pipelines.kili import ledger, new_names, reconciliation
from pipelines.loading import database
from pipelines.settings import Settings

_EXPORTS: Final = dg.AssetKey([ledger.SCHEMA, "exports"])
_REJECTS: Final = dg.AssetKey([ledger.SCHEMA, "rejects"])
_LABELS: Final = dg.AssetKey([ledger.SCHEMA, "labels"])

_TOLERANCE: Final = 0.01
_COLUMNS: Final = ("mark", "external_id", "asset_id", "label_key", "kili_score", "score", "difference")
_OFF: Final = f"""
    select {", ".join(_COLUMNS)}
    from marts.score_reconciliation
    where abs(difference) > {_TOLERANCE} order by abs(difference) desc, mark, asset_id, label_key"""
_ALL_ACCOUNTED_FOR: Final = dg.AssetCheckSpec(
    "every_record_is_accounted_for",
    asset=_EXPORTS,
    blocking=True,
    description="Every export: assets = loaded + unchanged + duplicates + rejected, and labels likewise. If stored "
    "rows are missing, nothing is built or published.",
)
_NOTHING_NEW: Final = dg.AssetCheckSpec(
    "no_new_fields",
    asset=_EXPORTS,
    description="The newest load has no key, job, kind, status or label type that is new to its project.",
)
_USUAL_VOLUME: Final = dg.AssetCheckSpec(
    "export_volume_anomaly",
    asset=_EXPORTS,
    description="No export of the newest load has less than half, or more than twice, the assets or labels of the last "
    "ten exports of the same project, layout and type.",
)
_SAME_COLUMNS: Final = dg.AssetCheckSpec(
    "column_schema_change",
    asset=_EXPORTS,
    description="Before the run, the tables had exactly the columns that this version of the loader declares.",
)
_FEW_REJECTED: Final = dg.AssetCheckSpec(
    "rejected_share_below_limit",
    asset=_REJECTS,
    description="No export of the newest load has a greater share of rejected records than KILI_MAX_REJECTED_SHARE.",
)
_RECENT_LABEL: Final = dg.AssetCheckSpec(
    "newest_label_is_recent",
    asset=_LABELS,
    description="The newest label is not older than KILI_MAX_LABEL_AGE_DAYS days, if that is set.",
)
_NAMED: Final = 5
LOAD_SPECS: Final = (_ALL_ACCOUNTED_FOR, _NOTHING_NEW, _USUAL_VOLUME, _SAME_COLUMNS, _FEW_REJECTED, _RECENT_LABEL)


def load_results(settings: Settings, load_id: str | None, found: reconciliation.Audit) -> Iterator[dg.AssetCheckResult]:
    """Yields a result for each check. If nothing was new, the results of the newest load are repeated.

    New names are reported only once. Raises `dg.Failure` at the end if records are missing.
    """
    most, days, age = settings.max_rejected_share, settings.max_label_age_days, found.newest_label_age_days
    many = [one for one in found.rejected_shares if one.rejected_share > most]
    lost = _lost(settings, found) if found.unbalanced else None
    exports = _table(reconciliation.Balance, found.balances)
    yield _result(_ALL_ACCOUNTED_FOR, not lost, lost, {"not even": len(found.unbalanced), "exports": exports})
    yield _novelties(settings, load_id)
    yield _result(_USUAL_VOLUME, not found.volumes, None, {"unusual": _table(reconciliation.Volume, found.volumes)})
    yield _result(_SAME_COLUMNS, not found.drift, None, {"changed": _table(reconciliation.Drift, found.drift)})
    rejected = {
        "most": most,
        "above": len(many),
        "exports": _table(reconciliation.RejectedShare, found.rejected_shares),
    }
    yield _result(_FEW_REJECTED, not many, _names(many), rejected)
    is_old = bool(days) and age is not None and age > days
    yield _result(_RECENT_LABEL, not is_old, None, {"age in days": age, "most": days or None})
    if lost:
        raise dg.Failure(lost)


def _result(spec: dg.AssetCheckSpec, passed: bool, words: str | None, metadata: dict[str, Any]) -> dg.AssetCheckResult:
    severity = dg.AssetCheckSeverity.ERROR if spec.blocking else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(
        check_name=spec.name,
        asset_key=spec.asset_key,
        passed=passed,
        severity=severity,
        description=words,
        metadata=metadata,
    )


def _novelties(settings: Settings, load_id: str | None) -> dg.AssetCheckResult:
    """Reports names that are new in a project, and counts keys without a column."""
    new = new_names.find_new(settings.database, load_id) if load_id else []
    unknown = new_names.find_unknown(settings.database, load_id) if load_id else []
    tables = {"new": _table(new_names.NewName, new), "without a column": _table(new_names.NewName, unknown)}
    words = ", ".join(f"{one.what} {one.name}" for one in new[:_NAMED])
    return _result(_NOTHING_NEW, not new, words or None, tables)


def _lost(settings: Settings, found: reconciliation.Audit) -> str:
    first = found.unbalanced[0]
    return (
        f"{len(found.unbalanced)} of {len(found.balances)} exports do not add up, first "
        f"{PurePath(first.file_url).name}: "
        f"{first.missing_assets} of {first.assets} assets, {first.missing_labels} of {first.labels} labels and "
        f"{first.missing_rejects} reasons of rejection are unaccounted for. Rows that were loaded are gone from "
        f"{settings.database}: restore it from a backup, or delete it and run again on all exports. "
        "What is published stays as it is"
    )


def _names(refused: Sequence[reconciliation.RejectedShare]) -> str | None:
    said = [f"{PurePath(one.file_url).name} {one.rejected_share:.0%}" for one in refused[:_NAMED]]
    return ", ".join(said) or None


def _table(rows_of: type[NamedTuple], rows: Sequence[tuple[Any, ...]]) -> dg.TableMetadataValue:
    return ui_metadata.table(rows_of._fields, rows)


@dg.asset_check(
    asset=["marts", "score_reconciliation"],
    config_schema={},
    description=f"Kili's own marks and our scores differ by {_TOLERANCE} at most.",
)
def scores_match_kili(
    settings: dg.ResourceParam[Settings],
    warehouse_lock: dg.ResourceParam[None],  # noqa: ARG001
) -> dg.AssetCheckResult:
    """Warns with the marks that differ, the greatest differences first."""
    with database.reading(settings.database) as db:
        rows = database.rows(db, _OFF)
        count = db.execute("select count(score) from marts.score_reconciliation").fetchall()[0][0]
    table = ui_metadata.table(_COLUMNS, [list(row.values()) for row in rows])
    return dg.AssetCheckResult(
        passed=not rows,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"marks": count, "off": len(rows), "rows": table},
    )
