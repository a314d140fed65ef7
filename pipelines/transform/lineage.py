"""Column lineage of a model, read from its compiled SQL."""

from typing import Any, NamedTuple

import duckdb
import sqlglot
from sqlglot import exp, lineage
from sqlglot.optimizer import build_scope, qualify


class Source(NamedTuple):
    """A column of a table that a model reads."""

    schema: str
    table: str
    column: str


Schema = dict[str, Any]
"""Types of columns by database, schema, table and name, as sqlglot wants them."""


def schema(db: duckdb.DuckDBPyConnection) -> Schema:
    """All tables and views of a database."""
    found: Schema = {}
    query = "select database_name, schema_name, table_name, column_name, data_type from duckdb_columns()"
    for database, name, table, column, kind in db.execute(query).fetchall():
        found.setdefault(database, {}).setdefault(name, {}).setdefault(table, {})[column] = kind
    return found


def column_sources(sql: str, known: Schema) -> dict[str, list[Source]]:
    """The source columns of each column of a query; none for constants. Empty if the SQL cannot be parsed."""
    try:
        query: Any = qualify.qualify(sqlglot.parse_one(sql, dialect="duckdb"), dialect="duckdb", schema=known)
        scope = build_scope(query)
        return {column: _sources(column, query, known, scope) for column in query.named_selects}
    except sqlglot.errors.SqlglotError:
        return {}


def _sources(column: str, query: Any, known: Schema, scope: Any) -> list[Source]:
    nodes = lineage.lineage(column, query, schema=known, dialect="duckdb", scope=scope, trim_selects=False).walk()
    leaves = [(node.expression, node.name) for node in nodes]
    return sorted({Source(t.db, t.name, exp.to_column(name).name) for t, name in leaves if isinstance(t, exp.Table)})
