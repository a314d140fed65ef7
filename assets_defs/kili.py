"""Schema `kili`: the exports as normalised tables, loaded by dlt in one load."""

import logging
from collections.abc import Callable, Iterator
from typing import Any, Final

import dagster as dg

from assets_defs import checks, dlt_tables, freshness, ui_metadata, write_lock
from pipelines.kili import ledger, reconciliation, records, source
from pipelines.kili import load as kili_load
from pipelines.landing import discovery
from pipelines.loading import database
from pipelines.settings import Settings

log = logging.getLogger(__name__)


_LANDING: Final = dg.AssetKey(["landing", "kili"])


def tables(settings: Settings, on_load: Callable[[ledger.Load], None] | None = None) -> dg.AssetsDefinition:
    """The tables of schema `kili`: one op, because each export is read once for all of them."""
    empty = source.kili([], settings)
    specs = dlt_tables.specs(empty, ledger.SCHEMA, records.TABLES, [_LANDING])

    @dg.multi_asset(
        name="kili",
        pool=write_lock.POOL,
        specs=[spec.replace_attributes(freshness_policy=freshness.policy(settings)) for spec in specs],
        ins={"found": dg.AssetIn(_LANDING)},
        check_specs=checks.LOAD_SPECS,
    )
    def kili(
        found: list[discovery.Landed],
        settings: dg.ResourceParam[Settings],
        warehouse_lock: dg.ResourceParam[None],  # noqa: ARG001
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        before = database.columns(settings.database, ledger.SCHEMA)
        load = kili_load.load(found, settings)
        if on_load:
            on_load(load)
        log.info("%s", "nothing new" if load.load_id is None else f"loaded {load.new_row_counts}")
        audited = reconciliation.audit_load(settings.database, before)
        said = _metadata(load, audited)
        for result in dlt_tables.materialized(ledger.SCHEMA, load.row_counts, load.new_row_counts):
            more = said.get(result.asset_key.path[-1], {}) if result.asset_key else {}
            yield result._replace(metadata={**(result.metadata or {}), **more})
        yield from checks.load_results(settings, load.load_id, audited)

    return kili


def _metadata(load: ledger.Load, audited: reconciliation.Audit) -> dict[str, dict[str, Any]]:
    """Metadata of some tables by table. The UI plots the numbers across runs."""
    exports = {
        "load_id": load.load_id or "",
        "exports_found": load.exports_found,
        "exports_rejected": load.exports_rejected,
        "rejected_share": audited.rejected_share,
        "summary": dg.MetadataValue.md(_summary(audited)),
    }
    newest = audited.newest_label_at
    labels = {
        "newest_label_at": dg.MetadataValue.timestamp(newest) if newest else None,
        "newest_label_age_days": audited.newest_label_age_days,
    }
    return {
        "exports": exports,
        "labels": labels,
        "rejects": {"rejected_share": audited.rejected_share},
    }


def _summary(audited: reconciliation.Audit) -> str:
    if not audited.recent_loads:
        return "No export has been loaded."
    newest = audited.recent_loads[0]
    loads = [(f"{one.loaded_at:%Y-%m-%d %H:%M}", one.labels) for one in reversed(audited.recent_loads)]
    return "\n\n".join(
        [
            f"The newest load, {newest.loaded_at:%Y-%m-%d %H:%M} UTC: {len(audited.rejected_shares):,} exports with "
            f"{newest.assets:,} assets and {newest.labels:,} labels, {newest.rejected:,} of either rejected.",
            "Labels in the exports of the last loads:",
            ui_metadata.bars(loads),
        ]
    )
