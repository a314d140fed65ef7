"""Column lineage: the source columns of each column of a model, from its compiled SQL."""

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
        scope = build_scope(query)
        return {column: _sources(column, query, known, scope) for column in query.named_selects}
    except sqlglot.errors.SqlglotError:
        return {}


def _sources(column: str, query: Any, known: Schema, scope: Any) -> list[Source]:
    nodes = lineage.lineage(column, query, schema=known, dialect="duckdb", scope=scope, trim_selects=False).walk()
    leaves = [(node.expression, node.name) for node in nodes]
    return sorted({Source(t.db, t.name, exp.to_column(name).name) for t, name in leaves if isinstance(t, exp.Table)})
