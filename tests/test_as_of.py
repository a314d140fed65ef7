"""The marts as of a time: equal to those of a warehouse that never loaded anything later."""

import hashlib
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import pytest
from conftest import ROOT, Ran, made_once, query, run_command
from helpers.quick import MARTS, Model, Quick, Rows, comparable, compile_models
from hypothesis import given
from hypothesis import strategies as st
from test_lock import HOLDER
from test_promises import SLOW, exports, write

from assets_defs import definitions
from pipelines import as_of_release, cli
from pipelines import settings as pipeline_settings
from pipelines.loading import lock
from pipelines.transform import project

TIME = datetime(2024, 1, 1, 2, 30, tzinfo=UTC)
"""Between the dates 01:00, 02:00 and 03:00 of exports, and before the labels of two days of three."""


@pytest.fixture(scope="module")
def models_as_of(tmp_path_factory: pytest.TempPathFactory) -> list[Model]:
    """The dbt models as of `TIME`, compiled once."""

    def make(folder: Path) -> None:
        duckdb.connect(str(folder / "origin.duckdb")).close()
        with mock.patch.dict(os.environ, {project.ORIGIN_VARIABLE: str(folder / "origin.duckdb")}):
            found = compile_models(folder, "--target", project.AS_OF_TARGET, "--vars", f"as_of: '{TIME.isoformat()}'")
        (folder / "models.pickle").write_bytes(pickle.dumps(found))

    shared = made_once(tmp_path_factory, "compiled_as_of", make)
    found: list[Model] = pickle.loads((shared / "models.pickle").read_bytes())
    return found


def moment(label: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(label["createdAt"])


def dated(export: dict[str, Any]) -> datetime | None:
    """The date of an export: the README's, else that of its newest label; null without one."""
    if export["hour"] is not None:
        return datetime(2024, 1, 1, export["hour"], tzinfo=UTC)
    return max((moment(label) for asset in export["assets"] for label in labels_of(asset)), default=None)


def labels_of(asset: dict[str, Any]) -> list[dict[str, Any]]:
    held = [asset["latestLabel"]] if "latestLabel" in asset else asset.get("labels", asset.get("latestLabels"))
    return [label for label in held if label]


def cut(asset: dict[str, Any]) -> dict[str, Any]:
    """An asset without the labels created after `TIME`."""
    left = {
        key: [label for label in asset[key] if label is None or moment(label) <= TIME]
        for key in ("labels", "latestLabels")
        if key in asset
    }
    if asset.get("latestLabel") and moment(asset["latestLabel"]) > TIME:
        left["latestLabel"] = None
    return asset | left


@SLOW
@given(
    found=st.lists(exports(), min_size=1, max_size=5, unique_by=lambda export: export["hour"] or id(export)),
    is_compared_before=st.booleans(),
)
def test_all_marts_are_those_of_a_warehouse_that_never_loaded_anything_later(
    found: list[dict[str, Any]], is_compared_before: bool, models: list[Model], models_as_of: list[Model]
) -> None:
    """READMEs of one date are left out: the hash of the whole asset, with its later labels, would break their tie."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        live, earlier = Quick(folder / "live", models), Quick(folder / "earlier", models)
        for number, export in enumerate(found):
            live.load(write(export, folder, f"e{number}"))
            if is_compared_before:
                live.marts()
        live.marts()
        early = [
            one | {"assets": [*map(cut, one["assets"])]}
            for one in found
            if (dated(one) or datetime.max.replace(tzinfo=UTC)) <= TIME
        ]
        (folder / "cut").mkdir()
        earlier.load(*[write(export, folder / "cut", f"e{number}") for number, export in enumerate(early)])
        as_of = Quick(folder / "as_of", models_as_of, live.database)
        assert as_of.marts() == earlier.marts()


WEEK_2 = datetime(2026, 11, 10, tzinfo=UTC)
"""After the second of the three weekly exports of the samples' made-up project."""


@dataclass(frozen=True)
class Past:
    """A warehouse, the hashes of its files before and after `as-of`, the folder that it made, and what it printed."""

    warehouse: Path
    before: dict[str, str]
    after: dict[str, str]
    folder: Path
    ran: Ran


def hashes(warehouse: Path) -> dict[str, str]:
    """The hash of each file and the target of each link but the lock."""
    return {
        str(path.relative_to(warehouse)): str(path.readlink())
        if path.is_symlink()
        else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in warehouse.rglob("*")
        if path.is_symlink() or (path.is_file() and path.name != "lock")
    }


@pytest.fixture(scope="module")
def past(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Past:
    """The samples' warehouse as of the second week, by the command."""
    folder = tmp_path_factory.mktemp("as_of") / "past"
    before = hashes(samples)
    ran = run_command("as-of", "2026-11-10", "--warehouse", samples, "--into", folder, "--json")
    return Past(samples, before, hashes(samples), folder, ran)


def counted(warehouse: Path, time: datetime) -> list[Path]:
    """The files of the exports dated at or before a time."""
    urls = query(warehouse, f"select file_url from kili.exports where as_of <= '{time.isoformat()}'")
    return [Path(row["file_url"]) for row in urls]


def test_the_command_publishes_the_marts_of_a_warehouse_that_loaded_the_earlier_exports_alone(
    past: Past, models: list[Model], tmp_path: Path
) -> None:
    assert past.ran.status == 0, past.ran.err
    paths = counted(past.warehouse, WEEK_2)
    assert {"harbour_20261102.zip", "harbour_20261109.zip"} <= {path.name for path in paths}
    earlier = Quick(tmp_path / "earlier", models)
    earlier.load(*paths)
    earlier.marts()
    for mart in MARTS:
        columns = query(past.folder, f"select string_agg(column_name, ', ') as all from (describe marts.{mart})")[0][
            "all"
        ]
        assert rows(past.folder, mart, columns) == rows(earlier.database.parent, mart, columns), mart
        assert mart == "score_reconciliation" or rows(past.folder, mart, columns) != rows(past.warehouse, mart, columns)


def rows(folder: Path, mart: str, columns: str) -> Rows:
    found = query(folder, f"select {columns} from marts.{mart} order by all")
    return comparable(mart, [tuple(row.values()) for row in found])


def test_the_ledger_and_the_comparison_hold_nothing_later(past: Past) -> None:
    exports_found = past.ran.facts["exports"]
    assert {Path(export["file_url"]) for export in exports_found} == set(counted(past.warehouse, WEEK_2))
    later = "select 1 from kili.{0} where export_id not in (select export_id from kili.exports)"
    assert [query(past.folder, later.format(table)) for table in ("sightings", "rejects")] == [[], []]
    labels = "(select label_key from marts.labels)"
    assert query(past.folder, f"select 1 from comparison.pairs where left_label_key not in {labels}") == []
    for table in ("jobs", "edits"):
        pairs = "(select pair_key from comparison.pairs)"
        assert query(past.folder, f"select 1 from comparison.{table} where pair_key not in {pairs}") == []
    jobs = "select job_name from marts.consensus where dawid_skene_reason is null"
    assert query(past.folder, f"select count(*) as n from comparison.dawid_skene where job_name not in ({jobs})") == [
        {"n": 0}
    ]


def test_nothing_is_compared_twice(past: Past) -> None:
    """The scores are those of the warehouse, from its loads; the pairs that it lacks come from a load of their own."""
    known = set(map(str, query(past.warehouse, "select pair_key, score, _dlt_load_id from comparison.pairs")))
    found = query(past.folder, "select pair_key, score, _dlt_load_id from comparison.pairs")
    loads = {row["_dlt_load_id"] for row in query(past.warehouse, "select _dlt_load_id from comparison.pairs")}
    assert {str(row) for row in found if row["_dlt_load_id"] in loads} <= known
    keys = {row["pair_key"] for row in query(past.warehouse, "select pair_key from comparison.pairs")}
    assert [row for row in found if row["pair_key"] in keys and row["_dlt_load_id"] not in loads] == []


def test_the_warehouse_is_not_modified(past: Past) -> None:
    assert past.after == past.before


def test_the_folder_is_laid_out_as_a_warehouse_and_names_its_time(past: Past) -> None:
    names = {path.name for path in past.folder.iterdir()}
    assert names == {"current", "releases", "warehouse.duckdb", "parquet", "site", "work"}
    release = json.loads((past.folder / "current" / "release.json").read_text())
    assert release["as_of"] == past.ran.facts["as_of"] == "2026-11-10T00:00:00+00:00"
    assert {path.stem for path in (past.folder / "parquet").iterdir()} == set(MARTS)


def test_progress_is_shown(past: Past) -> None:
    steps = ("dbt builds", "compared ", "published ")
    assert {step for line in past.ran.err.splitlines() for step in steps if line.startswith(step)} == set(steps)
    assert [line for line in past.ran.err.splitlines() if not line.startswith(steps)] == []


def test_the_job_publishes_another_time_in_a_folder_of_a_former_as_of(past: Past, tmp_path: Path) -> None:
    """The job writes below KILI_AS_OF_FOLDER, here where an as-of of another time was made."""
    former = shutil.copytree(past.folder, tmp_path / "20261103T000000.000000Z", symlinks=True)
    assert run_job(past.warehouse, tmp_path, "2026-11-03T02:00:00+02:00") is None
    assert {path.name for path in tmp_path.iterdir()} == {former.name}
    urls = query(former, "select file_url from kili.exports")
    assert {Path(row["file_url"]) for row in urls} == set(counted(past.warehouse, datetime(2026, 11, 3, tzinfo=UTC)))
    assert len(list((former / "releases").iterdir())) == 2


def run_job(warehouse: Path, folder: Path | None, time: str) -> str | None:
    """Runs the Dagster job; gives the reason if it fails."""
    chosen = pipeline_settings.from_environment().at(None, warehouse).model_copy(update={"as_of_folder": folder})
    job = definitions.build(chosen).resolve_job_def("as_of")
    ran = job.execute_in_process(
        run_config={"ops": {"publish_as_of": {"config": {"time": time}}}}, raise_on_error=False
    )
    failed = [event for event in ran.all_events if event.is_step_failure]
    return failed[0].step_failure_data.user_failure_data.description if failed else None


def test_the_job_fails_in_words(warehouse: Path, tmp_path: Path) -> None:
    assert str(run_job(warehouse, None, "2026-11-03")).startswith("KILI_AS_OF_FOLDER is not set")
    assert str(run_job(warehouse, tmp_path / "x", "../y")).startswith("TIME must be a UTC time such as")
    assert not (tmp_path / "x").exists()


FORM = "TIME must be a UTC time such as `2026-11-09T12:00:00Z`, got"
FOLDER = "DIR must be an empty, new or former as-of folder, got"


@pytest.mark.parametrize(
    ("time", "into", "sentence"),
    [
        ("yesterday", "new", f"{FORM} `yesterday`"),
        ("2026-13-01", "new", f"{FORM} `2026-13-01`"),
        ("0001-01-01T00:00+12:00", "new", f"{FORM} `0001-01-01T00:00+12:00`"),
        ("2026-11-10", "file", f"{FOLDER} `{{tmp}}/file`: {{tmp}}/file is a file"),
        ("2026-11-10", "used", f"{FOLDER} `{{tmp}}/used`: it holds other files"),
        ("2026-11-10", "W", f"{FOLDER} `{{tmp}}/W`: it is in the warehouse"),
        ("2026-11-10", "W/below", f"{FOLDER} `{{tmp}}/W/below`: it is in the warehouse"),
        ("2026-11-10", "new", "no warehouse in {tmp}/W: kili-warehouse run creates one"),
    ],
)
def test_wrong_usage_is_one_sentence_and_status_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, time: str, into: str, sentence: str
) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "mine").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    arguments = ["as-of", time, "--warehouse", tmp_path / "W", "--into", tmp_path / into]
    assert cli.main([str(argument) for argument in arguments]) == 2
    assert capsys.readouterr() == ("", f"kili-warehouse: {sentence.format(tmp=tmp_path)}\n")
    assert sorted(tmp_path.rglob("*")) == before


def test_times_are_in_utc() -> None:
    times = ["2026-11-09", "2026-11-09T00:00Z", "2026-11-09T01:00+01:00", "20261109T000000"]
    assert {as_of_release.parse_time(text) for text in times} == {datetime(2026, 11, 9, tzinfo=UTC)}


def test_no_run_loads_into_an_as_of_folder(past: Past, capsys: pytest.CaptureFixture[str]) -> None:
    exports_found = counted(past.warehouse, WEEK_2)[0]
    assert cli.main(["run", "--exports", str(exports_found), "--warehouse", str(past.folder)]) == 2
    sentence = f"{past.folder} is a folder of kili-warehouse as-of: name another warehouse"
    assert capsys.readouterr() == ("", f"kili-warehouse: {sentence}\n")


@pytest.mark.parametrize("ends", [True, False], ids=["ends", "does not end"])
def test_a_process_that_writes_to_the_warehouse_is_waited_for_or_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, ends: bool
) -> None:
    """The warehouse is empty, which the command says once it has the lock."""
    chosen = pipeline_settings.from_environment().at(None, tmp_path / "W")
    chosen.prepare_work()
    duckdb.connect(str(chosen.database)).close()
    command = [sys.executable, "-c", HOLDER, str(chosen.warehouse)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"

        def end_the_other(_: float) -> None:
            if holder.poll() is None:
                holder.communicate("")

        monkeypatch.setattr(lock.time, "sleep", end_the_other)
        if not ends:
            monkeypatch.setattr(as_of_release, "_PATIENCE", 0)
        arguments = ["as-of", "2026-11-10", "--warehouse", chosen.warehouse, "--into", tmp_path / "past"]
        assert cli.main([str(argument) for argument in arguments]) == 1
        holder.kill()
    writer = f"process {holder.pid} is writing to {chosen.warehouse}"
    if ends:
        waited = f"{writer}: waiting for it to end, 10 minutes at most"
        outdated = f"{chosen.database} lacks tables or columns of this version: kili-warehouse run adds them"
        assert capsys.readouterr() == ("", f"{waited}\nkili-warehouse: {outdated}\n")
    else:
        assert capsys.readouterr() == ("", f"kili-warehouse: {writer}: wait for it to end\n")


def test_the_page_shows_the_result_of_its_query(past: Past) -> None:
    text = (ROOT / "docs" / "as-of.md").read_text()
    ((sql, shown),) = re.findall(r'"""\n(.*?)"""\)\n\)\n```\n\n```text\n(.*?)\n```', text, re.DOTALL)
    with duckdb.connect() as db:
        for name, folder in (("live", past.warehouse), ("past", past.folder)):
            db.execute(f"attach '{folder / 'warehouse.duckdb'}' as {name} (read_only)")
        assert str(db.sql(sql)).strip() == shown
