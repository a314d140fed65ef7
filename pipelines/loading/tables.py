"""A table that dlt loads, declared once as a class.

The class is the table, its docstring the table's description, its fields the columns. A field's alias is the key of
the exported record from which the column is filled. The Arrow schema, dlt's hints, the dbt sources, the column metadata
in Dagster and the readers of the export are derived from the class. It is never instantiated: rows are Arrow columns.
"""

import inspect
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

import pyarrow as pa
import pydantic

if typing.TYPE_CHECKING:  # dlt takes seconds to import, and the commands that only read do without it
    from dlt.common.data_types import TDataType
    from dlt.common.schema.typing import TColumnSchema

JSON = "json"
Json = Annotated[str, JSON]

LOAD_ID = "_dlt_load_id"


class Record(pydantic.BaseModel):
    """Base class of table declarations."""


@dataclass(frozen=True)
class Column:
    """A column, with its type for each tool.

    type: the logical type. source_key: the key of the exported record that has the value, with a dot before the key of
    a nested object; null if the loader computes the value.
    """

    name: str
    type: type | str
    is_nullable: bool
    description: str
    source_key: str | None = None

    @property
    def arrow(self) -> pa.Field:
        """The column in an Arrow schema, where JSON is text."""
        return pa.field(self.name, _ARROW[self.type], self.is_nullable)

    @property
    def dlt(self) -> "TColumnSchema":
        """The column as a dlt hint."""
        return {
            "name": self.name,
            "data_type": _DLT[self.type],
            "nullable": self.is_nullable,
            "description": self.description,
        }

    @property
    def sql_type(self) -> str:
        """The column's type in DuckDB."""
        return _SQL[self.type]


_ARROW: dict[type | str, pa.DataType] = {
    str: pa.string(),
    JSON: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    datetime: pa.timestamp("us", "UTC"),
}
_DLT: "dict[type | str, TDataType]" = {
    str: "text",
    JSON: "json",
    int: "bigint",
    float: "double",
    bool: "bool",
    datetime: "timestamp",
}
_SQL: dict[type | str, str] = {
    str: "VARCHAR",
    JSON: "JSON",
    int: "BIGINT",
    float: "DOUBLE",
    bool: "BOOLEAN",
    datetime: "TIMESTAMP WITH TIME ZONE",
}


@dataclass(frozen=True)
class Table:
    """A table that dlt loads."""

    name: str
    description: str
    columns: tuple[Column, ...]

    @property
    def arrow_schema(self) -> pa.Schema:
        """The Arrow schema of the batches for dlt."""
        return pa.schema([column.arrow for column in self.columns])

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in declared order."""
        return tuple(column.name for column in self.columns)

    def keyed(self, under: str = "") -> dict[str, Column]:
        """The columns filled from keys of the exported record, or of its nested object `under`, by key."""
        split = [(column, (column.source_key or "").rpartition(".")) for column in self.columns]
        return {key: column for column, (parent, _, key) in split if key and parent == under}

    def batch(self, rows: Sequence[tuple[object, ...]], names: Sequence[str]) -> pa.Table:
        """Rows as one Arrow table; `names` are the column names of the rows' values, in order."""
        values = zip(*rows, strict=True) if rows else ((),) * len(names)
        columns = dict(zip(names, values, strict=True))
        schema = self.arrow_schema
        return pa.table([pa.array(columns[field.name], field.type) for field in schema], schema)

    def from_dicts(self, rows: Sequence[Mapping[str, object]]) -> pa.Table:
        """Rows by column name as one Arrow table; a missing column is null."""
        return pa.Table.from_pylist(rows, self.arrow_schema)


def _columns(record: type[Record]) -> Iterator[Column]:
    hints = typing.get_type_hints(record, include_extras=True)
    for name, field in record.model_fields.items():
        yield Column(name, *_logical(hints[name]), field.description or "", field.alias)


def _logical(hint: object) -> tuple[type | str, bool]:
    """The logical type of a field's annotation, and whether it allows null."""
    members = typing.get_args(hint) if isinstance(hint, types.UnionType) or _is_union(hint) else (hint,)
    types_without_none = [member for member in members if member is not type(None)]
    return _scalar(types_without_none[0]), len(types_without_none) < len(members)


def _is_union(hint: object) -> bool:
    return typing.get_origin(hint) is typing.Union


def _scalar(hint: object) -> type | str:
    if hint == Json:
        return JSON
    if typing.get_origin(hint) is Literal:
        return str
    assert isinstance(hint, type)
    return hint


def declared(record: type[Record]) -> Table:
    """The table that a class declares."""
    name = re.sub("(?<!^)(?=[A-Z])", "_", record.__name__).lower()
    return Table(name, inspect.getdoc(record) or "", tuple(_columns(record)))
