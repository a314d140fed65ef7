"""The checks of a load, and what stops if records are missing: by the real load, and by the whole job."""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
import test_load
from conftest import SAMPLES, run_command
from helpers import webhook as hook
from helpers.quick import Quick
from test_load import label, load, write

from assets_defs import checks, definitions
from pipelines import settings
from pipelines.kili import reconciliation, records
from pipelines.loading import database


def checked(
    folder: Path, before: database.Columns | None = None, **thresholds: float
) -> dict[str, dg.AssetCheckResult]:
    chosen = test_load.settings(folder).model_copy(update=thresholds)
    found = reconciliation.audit_load(chosen.database, before or {})
    return {str(result.check_name): result for result in checks.load_results(chosen, None, found)}


def failing(folder: Path, **thresholds: float) -> set[str]:
    return {name for name, result in checked(folder, **thresholds).items() if not result.passed}


def change(folder: Path, *statements: str) -> None:
    with duckdb.connect(str(test_load.settings(folder).database)) as db:
        for statement in statements:
            db.execute(statement)


def rows(result: dg.AssetCheckResult, name: str) -> list[dict[str, Any]]:
    return [dict(record.data) for record in result.metadata[name].records]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A load of an export with a repeated asset, a broken label and a broken asset, and one that is no export."""
    folder = tmp_path_factory.mktemp("mixed")
    assets = [
        {"id": "a", "labels": [label("CAR"), label("BUS", author={"id": "u"})]},
        {"id": "a", "labels": [label("VAN", author={"id": "w"})]},
        {"id": "b", "labels": [label("CAR"), label("CAR", createdAt="yesterday")]},
        {"externalId": "no id.jpg", "labels": [label("CAR")]},
    ]
    (folder / "records.json").write_text(json.dumps(assets))
    (folder / "page.json").write_text("<html>not found</html>")
    load(folder / "w", folder / "records.json", folder / "page.json")
    return folder / "w"


def test_a_warehouse_without_exports_passes_every_check(tmp_path: Path) -> None:
    assert load(tmp_path / "w").row_counts == dict.fromkeys([table.name for table in records.TABLES], 0)
    assert failing(tmp_path / "w") == set()


def test_the_outcome_of_every_record_is_shown_by_export(mixed: Path) -> None:
    result = checked(mixed)["every_record_is_accounted_for"]
    assert result.passed
    told = {Path(row["file_url"]).name: list(row.values())[1:] for row in rows(result, "exports")}
    assert told == {"records.json": [4, 2, 0, 1, 1, 0, 6, 4, 0, 2, 0, 0], "page.json": [0] * 12}


def test_exports_with_many_rejects_are_named(mixed: Path) -> None:
    result = checked(mixed)["rejected_share_below_limit"]
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert result.description == "page.json 100%, records.json 30%"
    assert "rejected_share_below_limit" not in failing(mixed, max_rejected_share=1.0)


@pytest.mark.parametrize(
    ("statement", "missing"),
    [
        ("delete from kili.assets where asset_id = 'a'", "1 of 4 assets, 0 of 6 labels and 0 reasons"),
        ("delete from kili.labels where asset_id = 'a'", "0 of 4 assets, 3 of 6 labels and 0 reasons"),
        ("delete from kili.sightings where asset_id = 'b'", "1 of 4 assets, 1 of 6 labels and 0 reasons"),
        ("delete from kili.rejects where location = ''", "0 of 0 assets, 0 of 0 labels and 1 reasons"),
        ("delete from kili.exports where asset_count = 4", "-2 of 0 assets, -4 of 0 labels and 0 reasons"),
    ],
)
def test_missing_rows_fail_the_check_and_the_step(mixed: Path, tmp_path: Path, statement: str, missing: str) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "warehouse.duckdb").write_bytes((mixed / "work" / "warehouse.duckdb").read_bytes())
    change(tmp_path, statement)
    chosen = test_load.settings(tmp_path)
    results: list[dg.AssetCheckResult] = []
    with pytest.raises(dg.Failure, match=f"{missing} of rejection are unaccounted for"):
        results.extend(checks.load_results(chosen, None, reconciliation.audit_load(chosen.database, {})))
    assert [result.check_name for result in results] == [spec.name for spec in checks.LOAD_SPECS]
    assert (results[0].passed, results[0].severity) == (False, dg.AssetCheckSeverity.ERROR)


def test_an_export_of_unusual_volume_for_its_project_is_named(tmp_path: Path) -> None:
    quick, authors = Quick(tmp_path / "w" / "work", []), [{"id": str(number)} for number in range(9)]
    for number, count in enumerate((2, 3, 3)):
        quick.load(write(tmp_path, f"{number}", *(label(f"C{number}", author=one) for one in authors[:count])))
    assert "export_volume_anomaly" not in failing(tmp_path / "w")
    quick.load(write(tmp_path, "usual", *(label("D", author=one) for one in authors[:6])))
    assert "export_volume_anomaly" not in failing(tmp_path / "w")
    quick.load(write(tmp_path, "none"))
    result = checked(tmp_path / "w")["export_volume_anomaly"]
    expected = {"what": "labels", "loaded": 0, "least_before": 2, "greatest_before": 6}
    assert rows(result, "unusual") == [{"file_url": str(tmp_path / "none.json"), **expected}]


def test_the_newest_label_may_be_as_old_as_the_setting_allows(mixed: Path) -> None:
    assert "newest_label_is_recent" not in failing(mixed)
    assert "newest_label_is_recent" in failing(mixed, max_label_age_days=30)
    assert "newest_label_is_recent" not in failing(mixed, max_label_age_days=100_000)


def test_changed_columns_are_named(mixed: Path) -> None:
    before = database.columns(test_load.settings(mixed).database, "kili")
    assert checked(mixed, before)["column_schema_change"].passed
    older = {key: kind for key, kind in before.items() if key != ("labels", "model_name")}
    older |= {("labels", "gone"): "VARCHAR", ("assets", "status"): "BIGINT"}
    assert rows(checked(mixed, older)["column_schema_change"], "changed") == [
        {"table": "assets", "column": "status", "declared": "VARCHAR", "loaded": "BIGINT"},
        {"table": "labels", "column": "gone", "declared": "", "loaded": "VARCHAR"},
        {"table": "labels", "column": "model_name", "declared": "VARCHAR", "loaded": ""},
    ]


def test_lost_rows_stop_dbt_keep_the_release_and_post_an_alert(warehouse: Path) -> None:
    change(warehouse, "delete from kili.labels where asset_id in (select min(asset_id) from kili.labels)")
    release = (warehouse / "current").readlink()
    ran = run_command("run", "--exports", SAMPLES, "--warehouse", warehouse)
    assert ran.status == 1
    assert "kili: 1 of 11 exports do not add up, first " in ran.err
    assert "restore it from a backup, or delete it and run again on all exports" in ran.err
    assert "dbt builds" not in ran.err
    assert "Traceback" not in ran.err
    assert (warehouse / "current").readlink() == release
    with hook.listening() as listening, dg.DagsterInstance.from_config(str(warehouse / "work" / "dagster")) as instance:
        chosen = settings.from_environment().at(None, warehouse).model_copy(update={"alert_webhook": listening.url})
        sensor = definitions.build(chosen).get_sensor_def("alerts")
        assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
        cursor = None
        for _ in range(3):
            with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
                cursor = sensor.evaluate_tick(context).cursor
        told = listening.told()
    assert [line.split(" – ")[0] for line in told] == [
        "Failed: job kili_warehouse",
        "Failed: check every_record_is_accounted_for of kili/exports",
    ]
    assert all("do not add up" in line for line in told)
    for path in (warehouse / "work").rglob("*"):
        assert not path.is_file() or b"s3cret" not in path.read_bytes(), path
