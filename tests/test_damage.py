"""What is damaged in the work folder: made anew with a warning, or named with what to do where it cannot be."""

import json
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from conftest import SAMPLES, dump, load, run_command
from helpers.exporting import asset, label, written

from assets_defs import instance as dagster_instance
from pipelines import settings
from pipelines.kili import load as kili_load
from pipelines.landing import cache
from pipelines.landing.discovery import Landed
from pipelines.publishing import release as releases
from pipelines.settings import Settings
from pipelines.transform import project as dbt_project


def garbage(path: Path) -> None:
    path.write_bytes(b"no database " * 1000)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def folder(path: Path) -> None:
    path.unlink()
    (path / "inside").mkdir(parents=True)


def overwritten(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[4096:8192] = os.urandom(4096)
    path.write_bytes(bytes(whole))


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


@pytest.fixture
def chosen(tmp_path: Path) -> Settings:
    return settings.from_environment().at(None, tmp_path / "warehouse")


@pytest.mark.parametrize("damage", [garbage, cut, overwritten, folder])
def test_a_damaged_export_cache_is_recreated(
    chosen: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None]
) -> None:
    export = written(tmp_path / "export.json", [asset()])
    os.utime(export, (1e9, 1e9))
    with cache.opened(chosen) as known:
        known.identify(export)
    file = chosen.work / "identities.sqlite"
    damage(file)
    with cache.opened(chosen) as known:
        identity = known.identify(export)
    with cache.opened(chosen) as known:
        assert known.identify(export) == identity
    assert warnings(caplog) == [f"{file} is damaged and is rebuilt: exports are hashed again"]


@pytest.mark.parametrize("name", dagster_instance._DATABASES)
@pytest.mark.parametrize("damage", [garbage, overwritten, folder])
def test_damaged_databases_of_dagster_are_recreated(
    samples: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, damage: Callable[[Path], None]
) -> None:
    chosen = settings.from_environment().at(None, tmp_path)
    shutil.copytree(samples / "work" / "dagster", chosen.work / "dagster")
    damage(chosen.work / "dagster" / name)

    @dg.asset
    def made() -> None:
        pass

    with dg.DagsterInstance.from_config(str(dagster_instance.prepare(chosen))) as instance:
        before = instance.get_runs_count()
        assert dg.materialize([made], instance=instance).success
        assert instance.get_runs_count() == before + 1
        assert instance.all_instigator_state() == []
    file = chosen.work / "dagster" / name
    sentence = f"{file} is damaged and is rebuilt: Dagster's UI starts without its history"
    assert warnings(caplog) == [sentence]


def test_a_damaged_dlt_folder_is_recreated(chosen: Settings, tmp_path: Path) -> None:
    export = written(tmp_path / "export.json", [asset("a1", label())])
    written(chosen.work / "dlt", b"no folder")
    assert kili_load.load([Landed(str(export), export)], chosen).new_row_counts["labels"] == 1


def test_a_damaged_dbt_manifest_is_recreated_outside_the_clone(
    chosen: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a copy of the project in which older code has left what it generated."""
    project = shutil.copytree(dbt_project.PROJECT, tmp_path / "dbt_project")
    monkeypatch.setattr(dbt_project, "PROJECT", project)
    for path in (dbt_project._write_sources(tmp_path / "generated") / "models").iterdir():
        path.rename(project / "models" / "staging" / "kili" / path.name)
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    manifest = dbt_project.manifest(chosen.database, chosen.dbt)
    sources = {source["identifier"] for source in json.loads(manifest.read_text())["sources"].values()}
    assert {"labels", "pairs"} <= sources
    for damage in (cut, folder):
        damage(manifest)
        dbt_project.manifest(chosen.database, chosen.dbt)
        assert {source["identifier"] for source in json.loads(manifest.read_text())["sources"].values()} == sources
    assert warnings(caplog) == [f"{manifest} is damaged and is rebuilt"] * 2
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == before


def test_models_that_dbt_cannot_read_are_reported_with_a_log(
    chosen: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = shutil.copytree(dbt_project.PROJECT, tmp_path / "dbt_project")
    monkeypatch.setattr(dbt_project, "PROJECT", project)
    (project / "models" / "marts" / "assets.sql").write_text("select {{ nonsense(")
    log = chosen.dbt / "parse.log"
    with pytest.raises(dbt_project.BrokenModels, match=f"^dbt cannot parse {project}; its output is in {log}$"):
        dbt_project.manifest(chosen.database, chosen.dbt)
    assert "assets.sql" in log.read_text()


def advice(warehouse: Path) -> str:
    release = releases.current(warehouse)
    assert release is not None
    database = warehouse / "work" / "warehouse.duckdb"
    return (
        f"the pipeline's database {database} is damaged. The published release {release.id} in {warehouse} is intact"
        ": readers are not affected. To rebuild it from the exports, move that file away, then run again on all"
        " exports of this warehouse"
    )


def without_headers(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + bytes(8192) + whole[12288:])


@pytest.mark.parametrize("damage", [garbage, cut, empty, folder, without_headers])
def test_a_damaged_database_is_reported_with_what_remains_and_the_remedy(
    warehouse: Path, damage: Callable[[Path], None]
) -> None:
    database = warehouse / "work" / "warehouse.duckdb"
    damage(database)
    ran = run_command("run", "--exports", SAMPLES, "--warehouse", warehouse)
    assert (ran.status, ran.out, ran.err) == (1, "", f"kili-warehouse: {advice(warehouse)}\n")
    assert run_command("status", "--warehouse", warehouse).status == 0


def test_a_damaged_release_beside_a_damaged_database_is_named_too(warehouse: Path) -> None:
    garbage(warehouse / "work" / "warehouse.duckdb")
    garbage(warehouse / "current" / "warehouse.duckdb")
    ran = run_command("run", "--exports", SAMPLES, "--warehouse", warehouse)
    left = f"The published release is damaged too: {warehouse / 'current' / 'warehouse.duckdb'} is damaged."
    assert (ran.status, left in ran.err) == (1, True)


def damaged_within(database: Path, table: str, whole: str) -> None:
    """Overwrites a block so that the file still opens and one table can be read, but another cannot."""
    data = database.read_bytes()
    for place in range(12288, len(data), 262144):
        database.write_bytes(data[: place + 64] + bytes(4096) + data[place + 4160 :])
        try:
            with duckdb.connect(str(database), read_only=True) as db:
                db.sql(f"select * from {whole}").fetchall()
                try:
                    db.sql(f"select * from {table}").fetchall()
                except duckdb.Error:
                    return
        except duckdb.Error:
            continue
    raise AssertionError(f"no block holds {table} alone")


def test_damage_within_the_data_is_reported_where_it_is_read(warehouse: Path, tmp_path: Path) -> None:
    database = warehouse / "work" / "warehouse.duckdb"
    damaged_within(database, "kili.labels", "kili.exports")
    export = written(tmp_path / "export.json", [asset("a1", label())])
    ran = run_command("run", "--exports", export, "--warehouse", warehouse)
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.splitlines()[-1] == f"kili-warehouse: kili: {advice(warehouse)}"


def test_a_first_run_killed_before_any_write_needs_no_repair(chosen: Settings, tmp_path: Path) -> None:
    export = written(tmp_path / "export.json", [asset("a1", label())])
    chosen.prepare_work()
    empty(chosen.database)
    load(chosen.warehouse, export)
    assert len(dump(chosen.warehouse)["labels"]) == 1
