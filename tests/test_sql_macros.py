"""Differences of SQL dialects: macros, compiled by dbt and run in another time zone, and the order of nulls."""

import os
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from helpers.quick import Model

from pipelines.transform import project

QUERY = """
with

times as (
    select
        cast(made_at as timestamp with time zone) as made_at,
        reviewed_at,
        seconds,
        name
    from given
),

bounds as (
    select
        name as project_id,
        min({{ day_of('made_at') }}) as first_day,
        max({{ day_of('made_at') }}) as last_day
    from times
    group by name
),

spine as (
    {{ day_spine('bounds', ['project_id']) }}
)

select
    (select array_agg([cast(project_id as varchar), cast(day as varchar)] order by project_id, day) from spine) as days,
    array_agg(distinct {{ week_of('made_at') }} order by {{ week_of('made_at') }}) as weeks,
    {{ ordered_string_agg('name', "' | '", ['-coalesce(seconds, 0)', 'name']) }} as names,
    {{ percentile('seconds', 0.9) }} as p90,
    {{ percentile('cast(null as double)', 0.5) }} as p50_of_nothing,
    max({{ hours_between('made_at', 'reviewed_at') }}) as hours,
    {{ wilson_low('sum(0)', 'sum(0)') }} as low_of_nothing,
    {{ wilson_high('sum(0)', 'sum(0)') }} as high_of_nothing,
    {% for part, whole in [(81, 263), (15, 148), (0, 20), (1, 29), (20, 20)] %}
    {{ wilson_low(part, whole) }} as low_{{ part }}_of_{{ whole }},
    {{ wilson_high(part, whole) }} as high_{{ part }}_of_{{ whole }},
    {% endfor %}
from times
"""
GIVEN = """
    create table given as
    select cast(made_at as timestamptz) as made_at, cast(reviewed_at as timestamptz) as reviewed_at, seconds, name
    from (values
        ('2023-12-31 23:59:59.999999+00', null, 30.0::double, 'b'),
        ('2024-01-01 00:00:00+00', '2024-01-01 00:00:00.000036+00', 10, 'b'),
        ('2024-01-02 02:00:00+00', null, null, 'b'),
        ('2024-03-10 12:00:00+00', '2024-03-11 13:30:00+00', 10, 'a')
    ) as given (made_at, reviewed_at, seconds, name)"""


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("macros")
    command = [str(project.DBT), "--quiet", "compile", "--inline", QUERY, "--project-dir", str(project.PROJECT)]
    variables = os.environ | project.environment(folder / "warehouse.duckdb") | {"DBT_LOG_PATH": str(folder)}
    ran = subprocess.run(
        [*command, "--target-path", str(folder)], env=variables, capture_output=True, text=True, check=True
    )
    with duckdb.connect() as db:
        db.execute("set TimeZone = 'America/New_York'")
        db.execute(GIVEN)
        found = db.execute(ran.stdout)
        names = [column[0] for column in found.description]
        return dict(zip(names, found.fetchall()[0], strict=True))


def test_days_and_weeks_are_those_of_utc_and_a_spine_has_no_gap(row: dict[str, Any]) -> None:
    assert row["days"] == [["a", "2024-03-10"], ["b", "2023-12-31"], ["b", "2024-01-01"], ["b", "2024-01-02"]]
    assert [str(week) for week in row["weeks"]] == ["2023-12-25", "2024-01-01", "2024-03-04"]


def test_hours_are_exact_over_a_change_of_summer_time(row: dict[str, Any]) -> None:
    assert row["hours"] == 25.5


def test_texts_are_joined_in_the_order_named(row: dict[str, Any]) -> None:
    assert row["names"] == "b | a | b | b"


def test_percentiles_are_linear_between_ranks_and_leave_nulls_out(row: dict[str, Any]) -> None:
    assert row["p90"] == pytest.approx(26.0)
    assert row["p50_of_nothing"] is None


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_limits_are_the_published_ones(
    row: dict[str, Any], part: int, whole: int, low: float, high: float
) -> None:
    """Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3."""
    found = (row[f"low_{part}_of_{whole}"], row[f"high_{part}_of_{whole}"])
    assert found == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_wilson_limits_stay_within_0_and_1_and_are_null_of_nothing(row: dict[str, Any]) -> None:
    assert (row["low_0_of_20"], row["high_20_of_20"]) == (0, 1)
    assert (row["low_of_nothing"], row["high_of_nothing"]) == (None, None)


def ordering_terms(sql: str) -> Iterator[str]:
    """The terms of each `order by` of a query."""
    for start in (found.end() for found in re.finditer(r"\border by\b", sql)):
        depth, term = 0, ""
        for character in sql[start:]:
            depth += {"(": 1, ")": -1}.get(character, 0)
            if depth < 0 or (depth == 0 and character == ","):
                yield term
                term = ""
            else:
                term += character
            if depth < 0:
                break


def test_every_ordering_says_where_nulls_go(models: list[Model]) -> None:
    terms = [(model.address, term.strip()) for model in models for term in ordering_terms(model.sql)]
    assert len(terms) > 20
    assert [place for place in terms if not re.search(r"\s(asc|desc) nulls (first|last)$", place[1])] == []
