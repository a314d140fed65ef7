"""Writes the rows of a query as compact columns in JSON, for scripts to read in a browser."""

import itertools
from typing import Any, Final

import duckdb
import pyarrow as pa

Columns = dict[str, Any]

_DIGITS: Final = 6  # of numbers that the page shows with three at most


def read(db: duckdb.DuckDBPyConnection, query: str) -> Columns:
    """The number of rows, and each column of a query: its values, `{"runs": …}` or `{"words": …, "at": …}`.

    A column of `runs` alternates a value and how often it repeats. One of `words` holds each text once, and in `at`
    the places of the rows' texts among them.
    """
    table = db.execute(query).to_arrow_table()
    return {"count": table.num_rows, "columns": {name: _column(table[name]) for name in table.column_names}}


def _column(values: pa.ChunkedArray) -> Any:
    if pa.types.is_string(values.type):
        texts = values.combine_chunks().dictionary_encode()
        return {"words": texts.dictionary.to_pylist(), "at": _shorter(texts.indices.to_pylist())}
    if pa.types.is_floating(values.type):
        return _shorter([value if value is None else round(value, _DIGITS) for value in values.to_pylist()])
    return _shorter(values.to_pylist())


def _shorter(values: list[Any]) -> Any:
    """The values themselves, or their runs where those take less room."""
    runs = [(value, sum(1 for _ in equal)) for value, equal in itertools.groupby(values)]
    return values if 2 * len(runs) >= len(values) else {"runs": list(itertools.chain.from_iterable(runs))}
