"""One writer at a time: the warehouse's lock, between processes of any kind and within one."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import duckdb
import psutil
import pytest

from assets_defs import definitions, write_lock
from pipelines import settings
from pipelines.loading import lock
from pipelines.settings import Settings

HOLDER = """
import sys
from pathlib import Path
from pipelines import settings
from pipelines.loading import lock
with lock.held(settings.from_environment().at(None, Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


DATABASE_USER = """
import sys
import duckdb
with duckdb.connect(sys.argv[1]):
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def chosen(tmp_path: Path) -> Settings:
    return settings.from_environment().at(None, tmp_path / "warehouse")


@pytest.fixture
def holder(chosen: Settings) -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds the lock until its standard input ends."""
    command = [sys.executable, "-c", HOLDER, str(chosen.warehouse)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        yield other
        other.kill()


def test_a_second_process_gets_an_error_that_names_the_writer(
    chosen: Settings, holder: "subprocess.Popen[str]"
) -> None:
    with (
        pytest.raises(lock.WarehouseLocked, match=f"process {holder.pid} is writing to {chosen.warehouse}"),
        lock.held(chosen),
    ):
        pass


def test_the_lock_of_a_killed_process_is_free(chosen: Settings, holder: "subprocess.Popen[str]") -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with lock.held(chosen):
        pass


@pytest.fixture
def left_behind(chosen: Settings) -> Iterator["subprocess.Popen[str]"]:
    """A process without the lock that has the database open, as dbt has for a moment when its run is killed."""
    command = [sys.executable, "-c", DATABASE_USER, str(chosen.prepare_work() / "warehouse.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        yield other
        other.kill()


def test_a_process_that_has_the_database_open_is_named(
    chosen: Settings, left_behind: "subprocess.Popen[str]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_ORPHAN_SECONDS", 0)
    sentence = f"process {left_behind.pid} is writing to {chosen.warehouse}: wait for it to end"
    with pytest.raises(lock.WarehouseLocked, match=f"^{sentence}$"), lock.held(chosen):
        pass
    assert not lock._held


def test_the_next_run_waits_for_a_process_left_by_a_killed_run(
    chosen: Settings, left_behind: "subprocess.Popen[str]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock.time, "sleep", lambda _: left_behind.communicate(""))
    with lock.held(chosen) as is_taken, duckdb.connect(str(chosen.database)):
        assert is_taken
        assert left_behind.poll() == 0


def test_a_process_ends_with_the_one_that_started_it() -> None:
    watches = (
        "import sys, time; from pipelines import parent_process; "
        "parent_process.exit_with(int(sys.argv[1])); time.sleep(99)"
    )
    starts = (
        "import os, subprocess, sys; command = [sys.executable, '-c', sys.argv[1], str(os.getpid())]; "
        "print(subprocess.Popen(command, stdout=subprocess.DEVNULL).pid, flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", starts, watches], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    assert psutil.wait_procs([child], timeout=60) == ([child], [])


def test_the_lock_is_reentrant_and_free_after_the_last_exit(chosen: Settings, holder: "subprocess.Popen[str]") -> None:
    holder.communicate("")
    with lock.held(chosen):
        with lock.held(chosen):
            pass
        other = subprocess.run([sys.executable, "-c", HOLDER, chosen.warehouse], capture_output=True, text=True)
        assert "is writing to" in other.stderr
    other = subprocess.run([sys.executable, "-c", HOLDER, chosen.warehouse], input="", capture_output=True, text=True)
    assert other.stdout == "held\n"


def test_a_dagster_run_waits_for_the_other_process_and_holds_the_lock_from_step_to_step(
    chosen: Settings, holder: "subprocess.Popen[str]", monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[bool] = []

    @dg.asset
    def first(warehouse_lock: dg.ResourceParam[None]) -> None:  # noqa: ARG001
        held.append(holder.poll() is not None)

    @dg.asset(deps=[first])
    def second(warehouse_lock: dg.ResourceParam[None]) -> None:  # noqa: ARG001
        other = subprocess.run([sys.executable, "-c", HOLDER, chosen.warehouse], capture_output=True, text=True)
        held.append("is writing to" in other.stderr)

    def end_the_other(_: float) -> None:
        if holder.poll() is None:
            holder.communicate("")

    monkeypatch.setattr(lock.time, "sleep", end_the_other)
    ran = dg.materialize([first, second], resources={"warehouse_lock": write_lock.resource(chosen)})
    assert ran.success
    assert held == [True, True]
    with lock.held(chosen):
        pass


def test_a_dagster_run_fails_with_a_message_after_waiting_too_long(
    chosen: Settings, holder: "subprocess.Popen[str]", monkeypatch: pytest.MonkeyPatch
) -> None:
    @dg.asset
    def never(warehouse_lock: dg.ResourceParam[None]) -> None:  # noqa: ARG001
        raise AssertionError

    monkeypatch.setattr(write_lock, "_MAX_WAIT", 0)
    with pytest.raises(dg.DagsterError) as raised:
        dg.materialize([never], resources={"warehouse_lock": write_lock.resource(chosen)})
    assert str(raised.value.__cause__).startswith(f"process {holder.pid} is writing to {chosen.warehouse}")


def test_settings_are_read_while_another_process_writes(chosen: Settings, holder: "subprocess.Popen[str]") -> None:
    seen: list[Settings] = []

    @dg.asset
    def reads(settings: dg.ResourceParam[Settings]) -> None:
        seen.append(settings)

    resources = definitions.build(chosen).resources or {}
    assert dg.materialize([reads], resources={"settings": resources["settings"]}).success
    assert seen == [chosen]
    assert holder.poll() is None
