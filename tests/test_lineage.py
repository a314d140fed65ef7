"""Column lineage: which columns of which tables each column of a query comes from."""

import pytest
from sqlglot import exp, lineage

from pipelines.transform.lineage import Schema, Source, column_sources

KNOWN: Schema = {
    "w": {"raw": {"labels": {"key": "VARCHAR", "asset": "VARCHAR", "score": "DOUBLE"}, "assets": {"asset": "VARCHAR"}}}
}
QUERIES = (
    "select key, score + 1 as more, 'x' as fixed from w.raw.labels",
    "with a as (select * from w.raw.labels), b as (select asset, max(score) as top from a group by asset) "
    "select b.asset, a.key, b.top * a.score as product from b inner join a on a.asset = b.asset",
    "select asset as name, score as number from w.raw.labels union all select asset, null from w.raw.assets",
    "with a as (select key as one from w.raw.labels union all select asset as other from w.raw.assets) "
    "select one, upper(one) as big from a",
    "select asset, (select max(score) from w.raw.labels) as top from w.raw.assets",
    "select key, row_number() over (partition by asset order by score) as place from w.raw.labels",
    "select d.k from (select key || asset as k from w.raw.labels) as d",
)


@pytest.mark.parametrize("sql", QUERIES)
def test_the_sources_of_a_column_equal_those_of_sqlglot(sql: str) -> None:
    found = column_sources(sql, KNOWN)
    for column, sources in found.items():
        nodes = lineage.lineage(column, sql, schema=KNOWN, dialect="duckdb").walk()
        leaves = {(n.expression.name, exp.to_column(n.name).name) for n in nodes if isinstance(n.expression, exp.Table)}
        assert {(source.table, source.column) for source in sources} == leaves
    assert found


def test_a_query_that_sqlglot_cannot_parse_has_no_lineage() -> None:
    assert column_sources("select from where", KNOWN) == {}


@pytest.mark.parametrize(
    "value",
    ["max_by(key, score)", "arg_min(key, score)", "first_value(key) over (partition by asset order by score)"],
)
def test_a_column_that_only_chooses_the_row_is_no_source(value: str) -> None:
    found = column_sources(f"select {value} as newest from w.raw.labels", KNOWN)
    assert found == {"newest": [Source("raw", "labels", "key")]}
