"""A server: Dagster on a real PostgreSQL, killed with all it started; its warehouse lost, copied and restored."""

import shutil
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import conftest
import dagster as dg
import duckdb
import psutil
import pytest
from conftest import COMMAND, SAMPLES, dump, run_command
from helpers import web_server as serving

from assets_defs import instance as dagster_instance
from assets_defs import landing, run_launcher
from pipelines import settings

ADDED = "one-more"


def test_after_kill_9_of_everything_a_restart_ends_the_run_and_publishes(
    samples: Path, postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server has lost its work folder too; its landing place has the samples, and one export more."""
    monkeypatch.setenv(settings.DAGSTER_POSTGRES_URL, postgres)
    warehouse = shutil.copytree(samples, tmp_path / "warehouse", symlinks=True, ignore=shutil.ignore_patterns("work"))
    exports = shutil.copytree(SAMPLES, tmp_path / "exports")
    (exports / "one.json").write_text(f'[{{"id": "{ADDED}", "externalId": "one more.jpg", "labels": []}}]')
    place = ["--exports", exports, "--warehouse", warehouse]
    known = {settings.DAGSTER_POSTGRES_URL: postgres}
    chosen = settings.from_environment().at(str(exports), warehouse)
    with dg.DagsterInstance.from_config(str(dagster_instance.prepare(chosen))) as instance:

        def runs(*statuses: dg.DagsterRunStatus) -> list[dg.DagsterRun]:
            return list(instance.get_runs(dg.RunsFilter(statuses=list(statuses))))

        port = serving.free_port()
        with serving.started(tmp_path / "log", COMMAND, "ui", "--port", port, *place, **known) as server:
            serving.wait(lambda: chosen.database.exists() and runs(dg.DagsterRunStatus.STARTED), "load", server)
            [lost] = runs()
            assert serving.kill_all(server) > 4  # daemon, webserver, code server, run
        assert [run.status for run in runs()] == [dg.DagsterRunStatus.STARTED]
        assert dump(warehouse) == dump(samples)

        with serving.started(tmp_path / "log", COMMAND, "daemon", *place, **known) as server:
            serving.wait(lambda: runs(dg.DagsterRunStatus.FAILURE), "end of the lost run", server)
            serving.wait(lambda: runs(dg.DagsterRunStatus.SUCCESS), "end of its retry", server)
        retry, failed = runs()
        assert (failed.run_id, failed.status) == (lost.run_id, dg.DagsterRunStatus.FAILURE)
        assert (retry.parent_run_id, retry.status) == (lost.run_id, dg.DagsterRunStatus.SUCCESS)

    rebuilt, before = dump(warehouse), dump(samples)
    for mart in ("assets", "asset_quality"):
        known_rows = [row for row in rebuilt[mart] if ADDED not in row]
        assert (known_rows, len(rebuilt[mart])) == (before[mart], len(before[mart]) + 1)
        rebuilt[mart] = before[mart]
    assert rebuilt == before
    assert postgres not in (dagster_instance.prepare(chosen) / "dagster.yaml").read_text()
    assert not list((warehouse / "work" / "dagster").rglob("*.db"))


class Recovering(BaseHTTPRequestHandler):
    """Answers 503 for a second from when it is first asked, and then has one export."""

    asked: ClassVar[list[float]] = []

    def do_GET(self) -> None:
        self.asked.append(time.monotonic())
        is_well = self.asked[-1] > self.asked[0] + 1
        self.send_response(200 if is_well else 503)
        self.end_headers()
        self.wfile.write(b"[]" if is_well and self.command == "GET" else b"")

    do_HEAD = do_GET


def test_a_store_that_does_not_answer_is_retried(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Recovering) as store, dg.DagsterInstance.ephemeral() as instance:
        threading.Thread(target=store.serve_forever, daemon=True).start()
        chosen = settings.from_environment().at(f"http://127.0.0.1:{store.server_port}/page.json", tmp_path)
        done = dg.materialize(
            [landing.exports()], instance=instance, resources={"settings": chosen, "warehouse_lock": None}
        )
        store.shutdown()
    assert done.success
    assert any(event.is_step_up_for_retry for event in done.all_events)
    assert [one.path.read_bytes() for one in done.output_for_node("landing__kili")] == [b"[]"]


def test_only_the_process_that_started_a_run_counts_as_its_process() -> None:
    """A number is given to another process sooner or later, and at once where the machine was started again."""
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        born = psutil.Process(sleeper.pid).create_time()
        assert run_launcher.is_alive(sleeper.pid, born + 1)
        assert not run_launcher.is_alive(sleeper.pid, born - 1)
        sleeper.kill()
        serving.wait(lambda: psutil.Process(sleeper.pid).status() == psutil.STATUS_ZOMBIE, "end of the process")
        assert not run_launcher.is_alive(sleeper.pid, born + 1)
    assert not run_launcher.is_alive(sleeper.pid, born + 1)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        pytest.param("postgresql://ana:secret@127.0.0.1:1/dagster", "Connection refused", id="nobody answers"),
        pytest.param("ana:secret", "must be a URL such as `postgresql://user:password@host/database`", id="no URL"),
        pytest.param(
            "postgresql://ana:secret@h:x/d",
            "must be the URL of a PostgreSQL database, such as",
            id="no port",
        ),
    ],
)
def test_the_error_of_an_unusable_postgresql_has_no_password(url: str, sentence: str, tmp_path: Path) -> None:
    ran = run_command("daemon", "--warehouse", tmp_path, **{settings.DAGSTER_POSTGRES_URL: url})
    assert ran.status == 2
    assert ran.err.startswith(f"kili-warehouse: {settings.DAGSTER_POSTGRES_URL} must be ")
    assert sentence in ran.err
    assert "secret" not in ran.err


def test_a_warehouse_copied_while_being_read_works_after_restore(samples: Path, tmp_path: Path) -> None:
    backup, restored = tmp_path / "backup", tmp_path / "elsewhere" / "warehouse"
    with duckdb.connect(str(samples / "warehouse.duckdb"), read_only=True) as reader:
        reader.sql("select count(*) from marts.labels").fetchall()
        subprocess.run(["flock", samples / "work" / "lock", "cp", "-a", samples, backup], check=True)
    restored.parent.mkdir()
    backup.rename(restored)
    assert all((restored / name).resolve().is_relative_to(restored) for name in ("warehouse.duckdb", "parquet", "site"))
    release = (restored / "current").readlink()
    again = conftest.load(restored, SAMPLES)
    assert (again.facts["rows_loaded"], (restored / "current").readlink()) == (0, release)
    assert again.err == "", "Dagster did not start"
    assert dump(restored) == dump(samples)
