"""Column lineage: the source columns of each column of a model, from its compiled SQL."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.optimizer import Scope, build_scope, find_all_in_scope, qualify


class Source(NamedTuple):
    """A column of a table that a model reads."""

    schema: str
    table: str
    column: str


Schema = dict[str, Any]
"""Column types by database, schema, table and column name, in sqlglot's form."""


def schema(db: duckdb.DuckDBPyConnection) -> Schema:
    """The columns of all tables and views of a database."""
    types: Schema = {}
    query = "select database_name, schema_name, table_name, column_name, data_type from duckdb_columns()"
    for database, name, table, column, kind in db.execute(query).fetchall():
        types.setdefault(database, {}).setdefault(name, {}).setdefault(table, {})[column] = kind
    return types


def column_sources(sql: str, known: Schema) -> dict[str, list[Source]]:
    """The sources of each column of a query; empty for a constant. No columns if sqlglot cannot parse the SQL."""
    try:
        query: Any = qualify.qualify(sqlglot.parse_one(sql, dialect="duckdb"), dialect="duckdb", schema=known)
        walk = _Walk()
        root = build_scope(query)
        return {column: sorted(walk.sources(root, column)) for column in query.named_selects}
    except sqlglot.errors.SqlglotError:
        return {}


class _Walk:
    """Follows columns through the scopes of one query, each column of a scope once.

    `sqlglot.lineage` copies the query for every column, which takes seconds for the marts.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[int, int], frozenset[Source]] = {}

    def sources(self, scope: Any, column: str) -> frozenset[Source]:
        """The sources of a named column of a scope."""
        return self._at(scope, scope.expression.named_selects.index(column))

    def _at(self, scope: Any, position: int) -> frozenset[Source]:
        key = id(scope), position
        if key not in self._found:
            if isinstance(scope.expression, exp.SetOperation):
                parts = [self._at(part, position) for part in scope.set_operation_scopes]
            else:
                parts = list(self._of_expression(scope, scope.expression.selects[position]))
            self._found[key] = frozenset().union(*parts)
        return self._found[key]

    def _of_expression(self, scope: Any, expression: Any) -> Iterator[frozenset[Source]]:
        for column in find_all_in_scope(expression, exp.Column):
            if _only_chooses_a_row(column, expression):
                continue
            source = scope.sources.get(column.table)
            if isinstance(source, exp.Table):
                yield frozenset({Source(source.db, source.name, column.name)})
            elif isinstance(source, Scope):
                yield self.sources(source, column.name)
        for inner in scope.subquery_scopes:
            if _is_inside(inner, expression):
                yield from (self.sources(inner, name) for name in inner.expression.named_selects)


def _is_inside(scope: Any, expression: Any) -> bool:
    node = scope.expression
    while node is not None and node is not expression:
        node = node.parent
    return node is expression


def _only_chooses_a_row(column: Any, expression: Any) -> bool:
    """Whether a column says of which row a value is taken, such as the newest: the value does not come from it."""
    node = column
    while node is not expression:
        parent, place = node.parent, node.arg_key
        if isinstance(parent, exp.ArgMax | exp.ArgMin) and place != "this":
            return True
        if isinstance(parent, exp.Window) and place != "this" and isinstance(parent.this, exp.FirstValue):
            return True
        node = parent
    return False
