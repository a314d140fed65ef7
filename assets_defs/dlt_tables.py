"""The tables that dlt loads, as Dagster assets: one asset for each declared table."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import dagster as dg
import dagster_dlt
from dlt.sources import DltSource

from pipelines.loading.tables import Table

_KINDS: Final = {"dlt", "duckdb"}


class _Translator(dagster_dlt.DagsterDltTranslator):
    """An asset's key is the address of its table. Its description and columns come from the table's declaration."""

    def __init__(self, schema: str, tables: Sequence[Table], upstream: Sequence[dg.AssetKey]) -> None:
        self.schema = schema
        self.tables = {table.name: table for table in tables}
        self.upstream = upstream

    def get_asset_spec(self, data: dagster_dlt.translator.DltResourceTranslatorData) -> dg.AssetSpec:
        table = self.tables[data.resource.name]
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
                key=[self.schema, table.name],
                deps=self.upstream,
                description=table.description,
                group_name=self.schema,
                kinds=_KINDS,
            )
            .merge_attributes(
                metadata={
                    "dagster/column_schema": dg.TableSchema(columns),
                    "dagster/storage_kind": "duckdb",
                    "dagster/table_name": f"warehouse.{self.schema}.{table.name}",
                }
            )
        )


def specs(
    source: DltSource, schema: str, tables: Sequence[Table], upstream: Sequence[dg.AssetKey]
) -> list[dg.AssetSpec]:
    """One asset for each table of a schema that dlt loads, and one for dlt's table of loads.

    No dlt pipeline is created: it would write to dlt's folder while a run may be loading.
    """
    translator = _Translator(schema, tables, upstream)
    data_of = dagster_dlt.translator.DltResourceTranslatorData
    resources = source.selected_resources.values()
    return [
        *(translator.get_asset_spec(data_of(resource=resource, pipeline=None)) for resource in resources),
        dg.AssetSpec(
            [schema, "_dlt_loads"],
            deps=upstream,
            description="One row for each finished load, written last. Rows of other loads are ignored.",
            group_name=schema,
            kinds=_KINDS,
        ),
    ]


def materialized(
    schema: str, row_counts: Mapping[str, int], new_row_counts: Mapping[str, int]
) -> Iterator[dg.MaterializeResult[None]]:
    """The result for each asset of a schema, with the table's row count and the number of rows that the load wrote."""
    for table, count in row_counts.items():
        metadata = {"dagster/row_count": count, "rows_loaded": new_row_counts[table]}
        yield dg.MaterializeResult(asset_key=[schema, table], metadata=metadata)
    yield dg.MaterializeResult(asset_key=[schema, "_dlt_loads"])
