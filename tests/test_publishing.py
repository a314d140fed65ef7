"""The published folder: what consumers open."""

import json
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from conftest import SAMPLES, dump, load, query, run_command

from pipelines.comparison import records as comparison
from pipelines.kili import records
from pipelines.loading import tables
from pipelines.publishing import contents, links, published_tables
from pipelines.publishing import release as releases


def test_the_warehouse_folder_has_the_promised_layout(samples: Path) -> None:
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
        "comparison.dawid_skene",
        "comparison.edits",
        "comparison.jobs",
        "comparison.methods",
        "comparison.pairs",
        "kili.exports",
        "kili.rejects",
        "kili.sightings",
        "marts.agreement",
        "marts.agreement_pairs",
        "marts.annotations",
        "marts.annotator_weeks",
        "marts.annotators",
        "marts.asset_quality",
        "marts.assets",
        "marts.category_confusion",
        "marts.category_quality",
        "marts.consensus",
        "marts.days",
        "marts.first_pass_yield",
        "marts.label_outcomes",
        "marts.labels",
        "marts.latest_label_per_user",
        "marts.latest_label_per_user_and_type",
        "marts.model_vs_human",
        "marts.review_edits",
        "marts.review_vs_default",
        "marts.review_vs_default_jobs",
        "marts.reviewer_weeks",
        "marts.reviewers",
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


def test_the_published_file_opens_in_every_duckdb_1_client(samples: Path) -> None:
    header = (samples / "warehouse.duckdb").read_bytes()[:24]
    assert header[8:12] == b"DUCK"
    assert int.from_bytes(header[12:20], "little") == 64  # the storage version of DuckDB 1.0


def test_parquet_holds_the_marts(samples: Path) -> None:
    for path in sorted((samples / "parquet").iterdir()):
        copied = duckdb.sql(f"select count(*) from read_parquet('{path}')").fetchall()
        assert copied == [tuple(query(samples, f"select count(*) as n from marts.{path.stem}")[0].values())]


def test_the_page_needs_no_outside_address_and_shows_no_email(samples: Path) -> None:
    page = (samples / "site" / "index.html").read_text()
    assert "default-src 'none'" in page
    assert not re.search(r"<(?!/?(script|style)>)[^>]* (src|href)=(?!\"docs/index.html\")", page)
    assert "@example.com" not in page
    assert "user-ana" in page


class Clock(datetime):
    """A clock that is set back."""

    times: Iterator[datetime]

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # noqa: ARG003
        return next(cls.times)


def publish(warehouse: Path, samples: Path) -> releases.Release:
    return releases.publish(warehouse, samples / "work" / "warehouse.duckdb", "models")


def folders(warehouse: Path) -> set[str]:
    return {path.name for path in (warehouse / "releases").iterdir()}


def test_only_the_last_releases_are_kept_and_unfinished_ones_deleted(samples: Path, tmp_path: Path) -> None:
    (tmp_path / "releases" / ".20200101T000000.000000Z").mkdir(parents=True)
    made = [publish(tmp_path, samples).id for _ in range(5)]
    assert folders(tmp_path) == set(made[-3:])


def test_the_last_releases_are_kept_even_if_the_clock_was_set_back_or_stopped(
    samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Clock.times = iter(datetime(year, 1, 1) for year in (2030, 2026, 2026, 2025, 2020))
    monkeypatch.setattr(releases, "datetime", Clock)
    made = [publish(tmp_path, samples) for _ in range(5)]
    assert [release.sequence for release in made] == [1, 2, 3, 4, 5]
    assert folders(tmp_path) == {release.id for release in made[-3:]}
    assert releases.current(tmp_path) == made[-1]
    assert made[2].id == "20260101T000000.000001Z"


def test_releases_of_older_code_are_the_oldest_and_sorted_by_id(samples: Path, tmp_path: Path) -> None:
    for name in ("20990101T000000.000000Z", "20980101T000000.000000Z", "20970101T000000.000000Z"):
        (tmp_path / "releases" / name).mkdir(parents=True)
        facts = {"id": name, "loads_digest": "", "models_digest": "", "row_counts": {}}
        (tmp_path / "releases" / name / "release.json").write_text(json.dumps(facts))
    made = publish(tmp_path, samples)
    assert made.sequence == 1
    assert folders(tmp_path) == {"20990101T000000.000000Z", "20980101T000000.000000Z", made.id}


def test_files_that_are_no_release_are_not_deleted(samples: Path, tmp_path: Path) -> None:
    releases = tmp_path / "releases"
    (releases / "20000101T000000.000000Z").mkdir(parents=True)
    (releases / "notes").mkdir()
    (releases / ".hidden").mkdir()
    (releases / ".DS_Store").write_text("")
    (releases / "zzz.txt").write_text("")
    (releases / "elsewhere").symlink_to(samples)
    kept = folders(tmp_path)
    first = publish(tmp_path, samples)
    shutil.copytree(releases / first.id, releases / "copy")
    made = [publish(tmp_path, samples).id for _ in range(4)]
    assert folders(tmp_path) == {*kept, "copy", *made[-3:]}


LINKS = ("current", "warehouse.duckdb", "parquet", "site", ".current.new")


@pytest.mark.parametrize(
    ("name", "is_folder"), [*((name, kind) for name in LINKS for kind in (False, True)), ("releases", False)]
)
def test_no_file_of_the_user_is_overwritten(samples: Path, tmp_path: Path, name: str, is_folder: bool) -> None:
    own = tmp_path / name / "own" if is_folder else tmp_path / name
    own.parent.mkdir(exist_ok=True)
    own.write_text("mine")
    with pytest.raises(links.Blocked, match=f"{tmp_path / name} is a {'folder' if is_folder else 'file'}, but"):
        publish(tmp_path, samples)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [own]
    assert own.read_text() == "mine"


def test_a_file_in_the_way_is_reported_before_anything_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "site").write_text("mine")
    ran = run_command("run", "--exports", SAMPLES, "--warehouse", tmp_path)
    sentence = f"{tmp_path / 'site'} is a file, but the warehouse needs a link there: move it away, then run again"
    assert (ran.status, ran.out, ran.err) == (2, "", f"kili-warehouse: {sentence}\n")
    assert not (tmp_path / "work" / "warehouse.duckdb").exists()


@pytest.mark.parametrize(
    ("umask", "folder", "file"), [(0o000, 0o755, 0o644), (0o002, 0o755, 0o644), (0o077, 0o700, 0o600)]
)
def test_only_the_owner_can_write_to_the_published_files(
    samples: Path, tmp_path: Path, umask: int, folder: int, file: int
) -> None:
    warehouse = tmp_path / "warehouse"
    before = os.umask(umask)
    try:
        publish(warehouse, samples)
    finally:
        os.umask(before)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (warehouse / "releases", *warehouse.rglob("*"))}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {folder}
    assert {mode for path, mode in modes.items() if path.is_file()} == {file}


@pytest.mark.parametrize(
    "text", ["", "nonsense", '{"id": "x"', "[]", '{"id": 1, "loads_digest": "", "models_digest": "", "row_counts": {}}']
)
def test_a_damaged_release_json_is_no_release_and_the_next_is_published(
    warehouse: Path, samples: Path, text: str
) -> None:
    (warehouse / "current" / "release.json").write_text(text)
    assert releases.current(warehouse) is None
    ran = run_command("status", "--warehouse", warehouse)
    path = warehouse / "current" / "release.json"
    assert (ran.status, ran.err) == (
        1,
        f"kili-warehouse: {path} is damaged: the next kili-warehouse run publishes a new release\n",
    )
    assert publish(warehouse, samples).sequence == 1


def unlinked(path: Path) -> None:
    (path.parents[1] / "warehouse.duckdb").unlink()


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda path: path.write_bytes(b"x" * 9999), id="garbage"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:999999]), id="cut"),
        pytest.param(lambda path: path.write_bytes(b""), id="empty"),
        pytest.param(lambda path: path.unlink(), id="missing"),
        pytest.param(unlinked, id="unlinked"),
    ],
)
def test_a_damaged_published_file_is_reported_and_the_next_run_publishes_again(
    warehouse: Path, damage: Callable[[Path], None]
) -> None:
    before = releases.current(warehouse)
    assert before is not None
    damage(warehouse / "current" / "warehouse.duckdb")
    for command in ("status", "rejects"):
        ran = run_command(command, "--warehouse", warehouse)
        assert (ran.status, ran.out) == (1, "")
        assert "warehouse.duckdb is damaged: the next kili-warehouse run publishes a new release" in ran.err
    assert not releases.is_current(warehouse, warehouse / "work" / "warehouse.duckdb", before.models_digest)


def test_a_run_without_new_exports_replaces_a_damaged_release(warehouse: Path, samples: Path) -> None:
    (warehouse / "current" / "warehouse.duckdb").write_bytes(b"x" * 9999)
    ran = load(warehouse, SAMPLES)
    assert "warehouse.duckdb is damaged: this run publishes a new release" in ran.err
    assert dump(warehouse) == dump(samples)


def test_answers_that_take_much_memory_are_published(
    samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published_tables, "_MEMORY", "8MB")
    made = releases.publish(tmp_path, samples / "work" / "warehouse.duckdb", "models")
    assert made.row_counts == releases.current(samples).row_counts
    answers = "select label_key, json_response from marts.labels order by all"
    assert query(tmp_path, answers) == query(samples, answers)
    assert {path.name for path in (tmp_path / "current").iterdir()} == {*links.FILES, "release.json"}


def test_an_export_date_that_no_client_can_read_is_not_published(warehouse: Path) -> None:
    database = warehouse / "work" / "warehouse.duckdb"
    before = contents.status(warehouse)["exports"]
    with duckdb.connect(str(database)) as db:
        out_of_range = "timestamptz '10000-01-01 00:00:00+00'"
        db.execute(f"update kili.exports set as_of = {out_of_range} where file_url like '%/seed_page.json'")
    releases.publish(warehouse, database, "models")
    assert contents.status(warehouse)["exports"] == before


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
