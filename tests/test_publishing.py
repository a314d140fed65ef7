"""The published folder: what consumers open."""

import stat
from pathlib import Path

import duckdb
import pytest
from conftest import load, query

from pipelines import facts, publishing, tables
from pipelines.comparison import records as comparison
from pipelines.kili import records


def test_the_warehouse_folder_is_laid_out_as_promised(samples: Path) -> None:
    links = {path.name: str(path.readlink()) for path in samples.iterdir() if path.is_symlink()}
    newest = links.pop("current")
    assert links == {
        "warehouse.duckdb": "current/warehouse.duckdb",
        "parquet": "current/parquet",
        "site": "current/site",
    }
    assert newest.startswith("releases/")
    assert stat.S_IMODE((samples / "work").stat().st_mode) == 0o700


def test_consumers_get_marts_and_ledger_as_tables(samples: Path) -> None:
    tables = query(samples, "select schema_name || '.' || table_name as address from duckdb_tables() order by all")
    assert [row["address"] for row in tables] == [
        "comparison.edits",
        "comparison.jobs",
        "comparison.methods",
        "comparison.pairs",
        "kili.exports",
        "kili.rejects",
        "kili.sightings",
        "marts.annotations",
        "marts.assets",
        "marts.category_confusion",
        "marts.labels",
        "marts.latest_label_per_user",
        "marts.latest_label_per_user_and_type",
        "marts.review_edits",
        "marts.review_vs_default",
        "marts.review_vs_default_jobs",
        "marts.score_reconciliation",
    ]
    assert query(samples, "select * from duckdb_views() where not internal") == []


def test_every_published_table_and_column_has_a_comment(samples: Path) -> None:
    silent = query(
        samples,
        """select table_name, null as column_name from duckdb_tables() where coalesce(comment, '') = ''
        union all select table_name, column_name from duckdb_columns()
        where schema_name in ('comparison', 'kili', 'marts')
            and coalesce(comment, '') = '' and column_name <> '_dlt_load_id'""",
    )
    assert silent == []


def test_the_file_opens_in_every_duckdb_1_client(samples: Path) -> None:
    header = (samples / "warehouse.duckdb").read_bytes()[:24]
    assert header[8:12] == b"DUCK"
    assert int.from_bytes(header[12:20], "little") == 64  # the storage version of DuckDB 1.0


def test_parquet_holds_the_marts(samples: Path) -> None:
    for path in sorted((samples / "parquet").iterdir()):
        copied = duckdb.sql(f"select count(*) from read_parquet('{path}')").fetchall()
        assert copied == [tuple(query(samples, f"select count(*) as n from marts.{path.stem}")[0].values())]


def test_the_page_needs_no_outside_address_and_shows_no_email(samples: Path) -> None:
    page = (samples / "site" / "index.html").read_text()
    assert "src=" not in page
    assert "href=" not in page
    assert "@example.com" not in page
    assert "user-ana" in page


def test_a_reader_keeps_its_release_and_the_next_sees_the_new_one(warehouse: Path, tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text('[{"id": "one-more", "externalId": "one more.jpg", "labels": []}]')
    count = "select count(*) as n from marts.assets"
    with duckdb.connect(str(warehouse / "warehouse.duckdb"), read_only=True) as reader:
        before = query(warehouse, count)[0]["n"]
        load(warehouse, tmp_path / "one.json")
        assert reader.sql(count).fetchall() == [(before,)]
    assert query(warehouse, count) == [{"n": before + 1}]
    assert len(list((warehouse / "releases").iterdir())) == 2


def test_only_the_last_releases_are_kept_and_left_overs_go(samples: Path, tmp_path: Path) -> None:
    (tmp_path / "releases" / ".20200101").mkdir(parents=True)
    made = [publishing.publish(tmp_path, samples / "work" / "warehouse.duckdb", "models").id for _ in range(5)]
    assert sorted(path.name for path in (tmp_path / "releases").iterdir()) == made[-3:]


def test_answers_that_take_more_memory_than_usual_are_published_too(
    samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "_MEMORY", "8MB")
    made = publishing.publish(tmp_path, samples / "work" / "warehouse.duckdb", "models")
    assert made.row_counts == publishing.current(samples).row_counts
    answers = "select label_key, json_response from marts.labels order by all"
    assert query(tmp_path, answers) == query(samples, answers)
    assert {path.name for path in (tmp_path / "current").iterdir()} == {*publishing._LINKS, "release.json"}


def test_an_export_date_that_no_client_can_read_is_not_published(warehouse: Path) -> None:
    database = warehouse / "work" / "warehouse.duckdb"
    before = facts.status(warehouse)["exports"]
    with duckdb.connect(str(database)) as db:
        out_of_range = "timestamptz '10000-01-01 00:00:00+00'"
        db.execute(f"update kili.exports set as_of = {out_of_range} where file_url like '%/seed_page.json'")
    publishing.publish(warehouse, database, "models")
    assert facts.status(warehouse)["exports"] == before


def test_types_are_those_of_the_record_models(samples: Path) -> None:
    with duckdb.connect(str(samples / "work" / "warehouse.duckdb"), read_only=True) as db:
        declared = [("kili", table) for table in records.TABLES] + [("comparison", t) for t in comparison.TABLES]
        for schema, table in declared:
            found = db.execute(
                "select column_name, data_type from duckdb_columns() where schema_name = ? and table_name = ?",
                [schema, table.name],
            ).fetchall()
            expected = [(column.name, column.sql_type) for column in table.columns]
            assert [column for column in found if column[0] != tables.LOAD_ID] == expected
