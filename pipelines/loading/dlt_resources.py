"""dlt resources for a schema whose tables are all filled from one pass over the data."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dlt
from dlt.common.pipeline import SupportsPipeline
from dlt.sources import DltResource

from pipelines.loading.parquet_files import File, Rows, Spool
from pipelines.loading.tables import Table


def spool_folder(pipeline: SupportsPipeline) -> Path:
    """The folder for a pipeline's Parquet files, which dlt links into the load."""
    return Path(pipeline.working_dir, "spool")


def resources(read: Callable[[Spool], Iterator[Rows]], declared: Sequence[Table]) -> Iterator[DltResource]:
    """One unselected parent, which runs `read` once, and a transformer for each table, which appends its rows.

    `read` yields rows, or has other processes write them and adds their files to the spool. Every table is created,
    even if it has no rows.
    """

    def read_all() -> Iterator[Mapping[str, Any]]:
        yield {table.name: [table.arrow_schema.empty_table()] for table in declared}
        spool = Spool(spool_folder(dlt.current.pipeline()), dlt.current.load_package_state()["load_id"], declared)
        for rows in read(spool):
            spool.write(rows)
        files = spool.close()
        yield {table.name: [file for file in files if file.table == table.name] for table in declared}

    parent = dlt.resource(read_all, name="read", selected=False)
    for table in declared:
        yield parent | dlt.transformer(
            _select(table),
            name=table.name,
            columns={column.name: column.dlt for column in table.columns},
            write_disposition="append",
        )


def _select(table: Table) -> Callable[[Mapping[str, Any]], Iterator[Any]]:
    def select(items: Mapping[str, Any]) -> Iterator[Any]:
        for item in items[table.name]:
            is_file = isinstance(item, File)
            yield dlt.mark.with_file_import(item.path, "parquet", item.row_count) if is_file else item

    return select
