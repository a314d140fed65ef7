"""dlt resources of a schema whose tables all come from one reading."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import dlt
import pyarrow as pa
from dlt.sources import DltResource

from pipelines.tables import Table

Rows = Mapping[str, pa.Table]
"""Rows by table, of some tables."""


def of(read: Callable[[], Iterator[Rows]], declared: Sequence[Table]) -> Iterator[DltResource]:
    """One unselected parent, which is read once, and a transformer for each table, which appends its rows.

    Every table is there even if nothing ever fills it.
    """

    def read_all() -> Iterator[Rows]:
        yield {table.name: table.batch([]) for table in declared}
        yield from read()

    parent = dlt.resource(read_all, name="read", selected=False)
    for table in declared:
        yield parent | dlt.transformer(
            _pick(table),
            name=table.name,
            columns={column.name: column.dlt for column in table.columns},
            write_disposition="append",
        )


def _pick(table: Table) -> Callable[[Rows], pa.Table | None]:
    def pick(rows: Rows) -> pa.Table | None:
        return rows.get(table.name)

    return pick
