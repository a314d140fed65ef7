"""Schema `kili`: the exports as normalised tables, loaded by dlt in one go."""

import logging
from collections.abc import Iterator
from typing import Any, Final

import dagster as dg
import dagster_dlt

from pipelines import landing, warehouse
from pipelines.kili import novelties, records, source
from pipelines.settings import Settings

log = logging.getLogger(__name__)


_LANDING: Final = dg.AssetKey(["landing", "kili"])


class _Tables(dagster_dlt.DagsterDltTranslator):
    """Keys are the tables' addresses; descriptions and columns come from the record models."""

    def get_asset_spec(self, data: dagster_dlt.translator.DltResourceTranslatorData) -> dg.AssetSpec:
        table = next(table for table in records.TABLES if table.name == data.resource.name)
        columns = [
            dg.TableColumn(
                column.name,
                column.sql_type.lower(),
                column.description,
                dg.TableColumnConstraints(nullable=column.is_nullable),
            )
            for column in table.columns
        ]
        return (
            super()
            .get_asset_spec(data)
            .replace_attributes(
                key=[warehouse.SCHEMA, table.name],
                deps=[_LANDING],
                description=table.description,
                group_name=warehouse.SCHEMA,
            )
            .merge_attributes(
                metadata={
                    "dagster/column_schema": dg.TableSchema(columns),
                    "dagster/table_name": f"warehouse.{warehouse.SCHEMA}.{table.name}",
                }
            )
        )


_LOADS: Final = dg.AssetSpec(
    [warehouse.SCHEMA, "_dlt_loads"],
    deps=[_LANDING],
    description="One row for each finished load, written last: rows of a load that is not here do not count.",
    group_name=warehouse.SCHEMA,
    kinds={"dlt", "duckdb"},
)


_NOTHING_NEW: Final = dg.AssetCheckSpec(
    "nothing_new_in_the_format",
    asset=dg.AssetKey([warehouse.SCHEMA, "exports"]),
    description="No key, job, kind, status or label type that earlier exports of the project had not.",
)


def tables(settings: Settings) -> dg.AssetsDefinition:
    """The tables of schema `kili`: one op, because one reading of each export feeds them all."""
    nothing = source.kili([], settings.database, settings.project_id, settings.timezone)
    specs = dagster_dlt.build_dlt_asset_specs(nothing, warehouse.pipeline(settings), _Tables())

    @dg.multi_asset(
        name="kili",
        specs=[*specs, _LOADS],
        ins={"found": dg.AssetIn(_LANDING)},
        check_specs=[_NOTHING_NEW],
    )
    def kili(
        found: list[landing.Landed], settings: dg.ResourceParam[Settings]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        load = warehouse.load(found, settings)
        log.info("%s", "nothing new" if load.load_id is None else f"loaded {load.new_row_counts}")
        for table in records.TABLES:
            counts: dict[str, Any] = {
                "dagster/row_count": load.row_counts[table.name],
                "rows_loaded": load.new_row_counts[table.name],
            }
            if table is records.EXPORTS:
                counts |= {
                    "load_id": load.load_id or "",
                    "exports_found": load.exports_found,
                    "exports_rejected": load.exports_rejected,
                }
            yield dg.MaterializeResult(asset_key=[warehouse.SCHEMA, table.name], metadata=counts)
        yield dg.MaterializeResult(asset_key=_LOADS.key)
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
