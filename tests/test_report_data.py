"""What the quality report reads from a published file: its columns in JSON, and drawings of WKT as SVG paths."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.loading import database
from pipelines.publishing.report import columns, drawings, queries

LINE = ", ".join(f"{n / 1000} 0.5" for n in range(301))
CASES: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "polygon with a hole": (
        "POLYGON ((0 0, 1 0, 1 1, 0 0), (0.5 0.2, 0.6 0.2, 0.6 0.4, 0.5 0.2))",
        [{"path": "M0 0L1000 0L1000 750L0 0ZM500 150L600 150L600 300L500 150Z"}],
    ),
    "several polygons": (
        "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)), ((0.1 0.2, 0.2 0.2, 0.2 0.4, 0.1 0.2)))",
        [{"path": "M0 0L1000 0L1000 750L0 0ZM100 150L200 150L200 300L100 150Z"}],
    ),
    "line": ("LINESTRING (0.1 0.2, 0.3 0.4)", [{"path": "M100 150L300 300"}]),
    "point": ("POINT (0.25 0.5)", [{"points": ["250 375"]}]),
    "points": ("MULTIPOINT (0.25 0.5, 0.5 1)", [{"points": ["250 375", "500 750"]}]),
    "outside the picture": ("LINESTRING (40 -10, 60 -20)", [{"path": "M0 750L1000 0"}]),
    "long": (f"LINESTRING ({LINE})", [{"path": f"M{'L'.join(f'{n} 375' for n in range(0, 301, 3))}"}]),
    "empty": ("POLYGON EMPTY", []),
}


@pytest.fixture(scope="module")
def published(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copy((samples / "warehouse.duckdb").resolve(), tmp_path_factory.mktemp("report")))


def panels(file: Path) -> list[dict[str, Any]]:
    with database.reading(file) as db:
        for step in queries.STEPS:
            db.execute(step)
        return drawings.read(db)


@pytest.mark.parametrize("name", CASES)
def test_each_kind_of_shape_becomes_a_path(name: str, published: Path) -> None:
    geometry, paths = CASES[name]
    with duckdb.connect(str(published)) as db:
        db.execute(
            """update marts.annotations set geometry = ?, kind = 'object' where label_key in (
                select label_key from marts.labels where asset_id = 'asset-consensus-1' and author_id = 'user-1')""",
            [geometry],
        )
        assert db.execute("select count(*) from marts.annotations where geometry = ?", [geometry]).fetchall() == [(1,)]
    [first, _] = [panel for panel in panels(published) if panel["asset"] == "asset-consensus-1"]
    common = {"edit": "unreviewed", "side": "left", "job": "JOB_0", "category": "OBJECT_A"}
    assert first["shapes"] == [common | path for path in paths]


def test_spans_of_text_are_listed_with_their_offsets(published: Path) -> None:
    with duckdb.connect(str(published)) as db:
        db.execute("update marts.asset_quality set look_again_rank = 0, priority = 1 where asset_id = 'cpdf'")
        db.execute(
            "update marts.annotations set begin_offset = 5, end_offset = 16, geometry = null where asset_id = 'cpdf'"
        )
    [panel] = [panel for panel in panels(published) if panel["asset"] == "cpdf"]
    [text] = panel["texts"]
    assert {name: text[name] for name in ("edit", "left_text", "left_begin", "left_end", "right_text")} == {
        "edit": "unreviewed",
        "left_text": "While many ",
        "left_begin": 5,
        "left_end": 16,
        "right_text": None,
    }
    assert panel["shapes"] == []


@pytest.fixture
def memory() -> Iterator[duckdb.DuckDBPyConnection]:
    with database.in_memory() as db:
        yield db


def test_columns_are_written_plainly_or_as_runs_or_words(memory: duckdb.DuckDBPyConnection) -> None:
    query = """select n, 7 as same, case when n = 2 then null else n / 3 end as third, 'word ' || n % 2 as word
        from range(4) as numbers(n) order by n"""
    assert columns.read(memory, query) == {
        "count": 4,
        "columns": {
            "n": [0, 1, 2, 3],
            "same": {"runs": [7, 4]},
            "third": [0.0, 0.333333, None, 1.0],
            "word": {"words": ["word 0", "word 1"], "at": [0, 1, 0, 1]},
        },
    }


def test_a_column_of_no_row_is_empty(memory: duckdb.DuckDBPyConnection) -> None:
    assert columns.read(memory, "select 'a' as word, 1 as n limit 0") == {
        "count": 0,
        "columns": {"word": {"words": [], "at": []}, "n": []},
    }
