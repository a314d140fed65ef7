"""The command as users run it: what it prints, its exit status, and what a second run does."""

import json
import os
import shutil
import zipfile
from pathlib import Path

import conftest
import dagster as dg
import duckdb
import pytest
from conftest import SAMPLES, query, run_command
from helpers import report_page
from helpers.quick import MARTS

from assets_defs import run_job
from pipelines import settings
from pipelines.landing import discovery

TABLES = ("exports", "sightings", "assets", "labels", "responses", "flattenings", "annotations", "rejects")


def raw_rows(warehouse: Path) -> dict[str, list[tuple[object, ...]]]:
    with duckdb.connect(str(warehouse / "work" / "warehouse.duckdb"), read_only=True) as db:
        return {table: db.sql(f"select * from kili.{table} order by all").fetchall() for table in TABLES}


def test_a_second_run_changes_no_row_and_publishes_nothing(samples: Path) -> None:
    rows, release = raw_rows(samples), (samples / "current").readlink()
    again = conftest.load(samples, SAMPLES)
    assert (again.facts["exports_found"], again.facts["rows_loaded"], again.err) == (11, 0, ""), "Dagster did not start"
    done = run_job.run(settings.from_environment().at(str(SAMPLES), samples), discovery.find(str(SAMPLES), samples))
    assert (done.failures, done.load and done.load.new_row_counts) == ([], dict.fromkeys(TABLES, 0))
    assert raw_rows(samples) == rows
    assert (samples / "current").readlink() == release
    with dg.DagsterInstance.from_config(str(samples / "work" / "dagster")) as instance:
        made = {name: instance.fetch_materializations(dg.AssetKey(["marts", name]), limit=9).records for name in MARTS}
        check = dg.AssetCheckKey(dg.AssetKey(["marts", "labels"]), "unique_labels_label_key")
        verdict = instance.event_log_storage.get_asset_check_execution_history(check, limit=1)[0].evaluation
    assert {name: len(records) for name, records in made.items()} == dict.fromkeys(MARTS, 2), "made, then confirmed"
    assert verdict.passed
    assert verdict.target_materialization_data.storage_id == made["labels"][0].storage_id, "green in the UI still"
    said = [record.asset_materialization.metadata["dagster/row_count"].value for record in made["labels"]]
    assert said == [996, 996]
    first = made["review_vs_default"][-1].asset_materialization.metadata["dagster/column_lineage"].value
    assert first.deps_by_column["score"] == [dg.TableColumnDep(dg.AssetKey(["intermediate", "pair_results"]), "score")]


def test_standard_output_is_only_json(samples: Path) -> None:
    for command in ("status", "rejects"):
        assert run_command(command, "--warehouse", samples, "--json").facts is not None
    assert run_command("status", "--warehouse", samples, "--json").facts["row_counts"]["marts.labels"] == 996


def test_every_export_reconciles(samples: Path) -> None:
    counts = query(
        samples,
        """select file_url, asset_count - rejected_asset_count - duplicate_asset_count as kept,
            (select count(*) from kili.sightings where sightings.export_id = exports.export_id) as seen
        from kili.exports""",
    )
    assert len(counts) == 11
    assert all(row["kept"] == row["seen"] for row in counts)


def test_settings_come_from_the_environment_too(samples: Path) -> None:
    ran = run_command("run", "--json", KILI_EXPORTS=str(SAMPLES), KILI_WAREHOUSE=str(samples))
    assert (ran.status, ran.facts["exports_found"]) == (0, 11)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        pytest.param(["run"], "or set KILI_EXPORTS or KILI_PULL_PROJECTS", id="no exports"),
        pytest.param(["run", "--exports", "{tmp}/none"], "no such file or folder: {tmp}/none", id="missing path"),
        pytest.param(["run", "--exports", "{tmp}/*.zip"], "no such file or folder: {tmp}/*.zip", id="empty glob"),
        pytest.param(["run", "--exports", "{tmp}"], "no export found in {tmp}", id="empty folder"),
        pytest.param(["run", "--exports", "s3x://b/x"], "cannot read s3x://b/x", id="unknown protocol"),
        pytest.param(["run", "--speed", "9"], "unrecognized arguments", id="unknown option"),
        pytest.param(["walk"], "invalid choice", id="unknown command"),
        pytest.param(["status"], "no warehouse in {tmp}/warehouse", id="no warehouse"),
        pytest.param(["rejects"], "no warehouse in {tmp}/warehouse", id="no rejects"),
    ],
)
def test_wrong_usage_is_one_sentence_and_status_2(arguments: list[str], sentence: str, tmp_path: Path) -> None:
    given = [argument.format(tmp=tmp_path) for argument in arguments]
    ran = run_command(*given, KILI_WAREHOUSE=str(tmp_path / "warehouse"))
    assert ran.status == 2
    assert sentence.format(tmp=tmp_path) in ran.err
    assert "Traceback" not in ran.err
    assert not (tmp_path / "warehouse").exists()


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder of good and bad exports, and the warehouse made from it."""
    folder = tmp_path_factory.mktemp("broken")
    label = {"labelType": "DEFAULT", "createdAt": "2024-01-01T00:00:00Z", "author": {"id": "u"}, "jsonResponse": {}}
    assets = [
        {"id": "good", "externalId": "good.jpg", "labels": [label]},
        {"id": "one-bad-label", "externalId": "bad.jpg", "labels": [label, {**label, "createdAt": "yesterday"}]},
        {"externalId": "no id.jpg", "labels": [label]},
    ]
    (folder / "records.json").write_text(json.dumps(assets))
    (folder / "page.json").write_text("<html>not found</html>")
    (folder / "cut.json").write_text(json.dumps(assets)[:-20])
    whole = (SAMPLES / "review_normal_single_file.zip").read_bytes()
    (folder / "cut.zip").write_bytes(whole[: len(whole) // 2])
    with zipfile.ZipFile(folder / "other.zip", "w") as archive:
        archive.writestr("photo.jpg", b"not an export")
    os.mkfifo(folder / "pipe.json")
    warehouse = folder / "warehouse"
    ran = run_command("run", "--exports", folder, "--warehouse", warehouse)
    assert ran.status == 0, ran.err
    assert "Traceback" not in ran.err
    return folder, warehouse


def test_unloadable_records_are_rejected_with_their_place_and_the_rest_loads(broken: tuple[Path, Path]) -> None:
    folder, warehouse = broken
    size = (folder / "cut.json").stat().st_size
    found = [
        (Path(reject["file_url"]).name, reject["location"], reject["asset_id"], reject["external_id"], reject["reason"])
        for reject in run_command("rejects", "--warehouse", warehouse, "--json").facts
    ]
    assert found == [
        ("cut.json", "", None, None, f"not JSON: cut short, a bracket or text is still open at its end, byte {size}"),
        ("cut.zip", "", None, None, "a damaged or truncated zip: File is not a zip file"),
        ("other.zip", "", None, None, "a zip without data.json or labels/*.json is no Kili export"),
        (
            "page.json",
            "",
            None,
            None,
            "this is a web page (HTML), most likely a log-in or error page, saved in place of the export: "
            "download the export again, and check its link and the key",
        ),
        ("pipe.json", "", None, None, "cannot be read: it is a named pipe, not a file. Every run tries it again"),
        (
            "records.json",
            "/1/labels/1",
            "one-bad-label",
            "bad.jpg",
            "createdAt should be an ISO 8601 date-time, such as 2026-01-31T12:00:00Z, or epoch milliseconds from 1e11 "
            "on, found a text",
        ),
        ("records.json", "/2", None, "no id.jpg", "id is missing"),
    ]
    labels = query(warehouse, "select asset_id from marts.labels order by all")
    assert labels == [{"asset_id": "good"}, {"asset_id": "one-bad-label"}]
    counted = query(
        warehouse,
        """select asset_count, label_count, rejected_asset_count, rejected_label_count, is_rejected
        from kili.exports where file_url like '%records.json'""",
    )
    assert counted == [
        {
            "asset_count": 3,
            "label_count": 4,
            "rejected_asset_count": 1,
            "rejected_label_count": 2,
            "is_rejected": False,
        }
    ]


def test_the_text_of_a_rejected_record_is_kept_but_never_published(broken: tuple[Path, Path]) -> None:
    _, warehouse = broken
    with duckdb.connect(str(warehouse / "work" / "warehouse.duckdb"), read_only=True) as db:
        raw = db.sql("select raw from kili.rejects where location = '/1/labels/1'").fetchall()
    assert json.loads(raw[0][0])["createdAt"] == "yesterday"
    columns = query(warehouse, "select column_name from duckdb_columns() where table_name = 'rejects'")
    assert {"column_name": "raw"} not in columns


def test_a_run_in_which_every_file_is_rejected_ends_with_status_1(broken: tuple[Path, Path], tmp_path: Path) -> None:
    folder, warehouse = broken
    shutil.copy(folder / "page.json", tmp_path / "page.json")
    assert run_command("run", "--exports", tmp_path, "--warehouse", warehouse).status == 1


def test_exports_that_are_still_unreadable_are_not_new(broken: tuple[Path, Path]) -> None:
    folder, warehouse = broken
    again = run_command("run", "--exports", folder, "--warehouse", warehouse, "--json")
    assert (again.status, again.facts["exports_found"], again.facts["exports_rejected"]) == (0, 6, 5)
    assert (again.facts["rows_loaded"], again.err) == (0, ""), "Dagster did not start"
    alone = run_command("run", "--exports", folder / "pipe.json", "--warehouse", warehouse, "--json")
    assert (alone.status, alone.facts["rows_loaded"], alone.err) == (1, 0, "")


def test_a_warehouse_without_labels_is_published_and_every_command_reads_it(tmp_path: Path) -> None:
    exports, warehouse = tmp_path / "exports", tmp_path / "warehouse"
    exports.mkdir()
    (exports / "empty.json").write_text("[]")
    (exports / "unlabelled.json").write_text('[{"id": "a", "labels": []}]')
    (exports / "rejected.json").write_text('[{"id": "b", "labels": [{"labelType": "DEFAULT", "createdAt": "never"}]}]')
    for rows in (8, 0):  # three exports, two sightings, two assets, one reject; then nothing new
        ran = conftest.load(warehouse, exports)
        assert (ran.facts["exports_found"], ran.facts["exports_rejected"], ran.facts["rows_loaded"]) == (3, 0, rows)
    chosen = settings.from_environment().at(str(exports), warehouse)
    done = run_job.run(chosen, discovery.find(str(exports), warehouse))
    assert done.failures == []
    counts = run_command("status", "--warehouse", warehouse, "--json").facts["row_counts"]
    held = {name: count for name, count in counts.items() if count}
    assert held == {
        "comparison.methods": 1,
        "kili.exports": 3,
        "kili.rejects": 1,
        "kili.sightings": 2,
        "marts.asset_quality": 2,
        "marts.assets": 2,
    }
    assert "Newest export: of unknown date" in run_command("status", "--warehouse", warehouse).out
    assert "Rejected: 1" in run_command("rejects", "--warehouse", warehouse).out
    tables = report_page.data(warehouse / "site" / "index.html")["tables"]
    assert {name: table["count"] for name, table in tables.items() if table["count"]} == {
        "projects": 1,
        "exports": 3,
        "rejects": 1,
        "ranked_total": 1,
    }


def test_a_second_process_gets_an_error_that_names_the_writer(samples: Path) -> None:
    import fcntl

    with (samples / "work" / "lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        ran = run_command("run", "--exports", SAMPLES, "--warehouse", samples)
    assert ran.status == 1
    assert f"process {os.getpid()} is writing to {samples}" in ran.err
