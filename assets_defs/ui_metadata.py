"""Metadata for the UI: small tables, and bar charts as blocks of code, which look the same in every browser."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import dagster as dg

_MAX_ROWS: Final = 100
_WIDTH: Final = 30


def table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> dg.TableMetadataValue:
    """A table of the first 100 rows."""
    columns = dg.TableSchema([dg.TableColumn(name) for name in names])
    records = [
        dg.TableRecord({name: "" if value is None else value for name, value in zip(names, row, strict=True)})
        for row in rows[:_MAX_ROWS]
    ]
    return dg.MetadataValue.table(records, columns)


def bars(counts: Iterable[tuple[str, int]]) -> str:
    """A bar chart as Markdown, one bar per count."""
    rows = list(counts)
    greatest = max((count for _, count in rows), default=0) or 1
    wide = max((len(name) for name, _ in rows), default=0)
    lines = [f"{name:<{wide}}  {'█' * -(-count * _WIDTH // greatest):<{_WIDTH}}  {count:,}" for name, count in rows]
    return "\n".join(["```text", *lines, "```"])
