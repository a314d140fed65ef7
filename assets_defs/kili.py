"""Schema `kili`: the exports as normalised tables, loaded by dlt in one go."""

import logging
from collections.abc import Iterator
from typing import Final

import dagster as dg

from assets_defs import dlt_tables, writing
from pipelines import landing, warehouse
from pipelines.kili import novelties, records, source
from pipelines.settings import Settings

log = logging.getLogger(__name__)


_LANDING: Final = dg.AssetKey(["landing", "kili"])


_NOTHING_NEW: Final = dg.AssetCheckSpec(
    "nothing_new_in_the_format",
    asset=dg.AssetKey([warehouse.SCHEMA, "exports"]),
    description="No key, job, kind, status or label type that earlier exports of the project had not.",
)


def tables(settings: Settings) -> dg.AssetsDefinition:
    """The tables of schema `kili`: one op, because one reading of each export feeds them all."""
    nothing = source.kili([], settings.database, settings.project_id, settings.timezone)

    @dg.multi_asset(
        name="kili",
        pool=writing.POOL,
        specs=dlt_tables.specs(nothing, warehouse.SCHEMA, records.TABLES, [_LANDING], settings),
        ins={"found": dg.AssetIn(_LANDING)},
        check_specs=[_NOTHING_NEW],
    )
    def kili(
        found: list[landing.Landed], settings: dg.ResourceParam[Settings]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        load = warehouse.load(found, settings)
        log.info("%s", "nothing new" if load.load_id is None else f"loaded {load.new_row_counts}")
        about = {
            "load_id": load.load_id or "",
            "exports_found": load.exports_found,
            "exports_rejected": load.exports_rejected,
        }
        for result in dlt_tables.materialized(warehouse.SCHEMA, load.row_counts, load.new_row_counts):
            is_ledger = result.asset_key == _NOTHING_NEW.asset_key
            yield result._replace(metadata={**(result.metadata or {}), **about}) if is_ledger else result
        yield _novelties(settings, load.load_id)

    return kili


def _novelties(settings: Settings, load_id: str | None) -> dg.AssetCheckResult:
    """A warning that names what a load brought for the first time, and counts what has no column."""
    new = novelties.new_in(settings.database, load_id) if load_id else []
    unknown = novelties.unknown_in(settings.database, load_id) if load_id else []
    return dg.AssetCheckResult(
        check_name=_NOTHING_NEW.name,
        asset_key=_NOTHING_NEW.asset_key,
        passed=not new,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"new": _table(new), "without a column": _table(unknown)},
    )


def _table(found: list[novelties.Novelty]) -> dg.TableMetadataValue:
    columns = dg.TableSchema([dg.TableColumn(name) for name in novelties.Novelty._fields])
    rows = [dg.TableRecord({name: value or "" for name, value in one._asdict().items()}) for one in found]
    return dg.MetadataValue.table(rows, columns)
