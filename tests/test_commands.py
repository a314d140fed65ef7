"""Output of the commands: one sentence for each error, never a traceback, and every text shown literally."""

import logging
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from conftest import COMMAND, SAMPLES, Ran, run_command

from assets_defs import error_messages
from pipelines import cli, settings, terminal, unexpected_errors
from pipelines.kili.workers import WorkerDied
from pipelines.publishing import contents
from pipelines.transform.dbt_runner import DbtFailed

NAME = "[red]b[/x]:boom:\x1b[31m\x9b\u202e\u2028\n.json"
SHOWN = r"[red]b[/x]:boom:\x1b[31m\x9b\u202e\u2028\n.json"


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> Ran:
    """A command, run in this process."""
    status = cli.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return Ran(status, captured.out, captured.err)


def test_exports_of_an_unknown_user_are_not_found(capsys: pytest.CaptureFixture[str]) -> None:
    ran = said(capsys, "run", "--exports", "~nosuchuser/exports")
    assert ran == Ran(2, "", "kili-warehouse: no such file or folder: ~nosuchuser/exports\n")


@pytest.fixture
def readable() -> Iterator[Path]:
    """A folder that every user can read, as pytest's are not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def as_nobody(folder: Path, *arguments: object) -> Ran:
    """Runs a command as a user without write access. It forks, because that user may not read this Python."""
    out, err = folder / "out", folder / "err"
    child = os.fork()
    if child == 0:
        for number, path in ((1, out), (2, err)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
        os.setgroups([])
        os.setgid(pwd.getpwnam("nobody").pw_gid)
        os.setuid(pwd.getpwnam("nobody").pw_uid)
        status = cli.main([str(argument) for argument in arguments])
        sys.stderr.flush()
        os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return Ran(status, out.read_text(), err.read_text())


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_warehouse_that_cannot_be_written_is_named(readable: Path) -> None:
    (readable / "export.json").write_text("[]")
    exports = ("--exports", readable / "export.json")
    ran = as_nobody(readable, "run", *exports, "--warehouse", readable / "warehouse")
    where = f"the warehouse {readable}/warehouse: cannot write to {readable}/warehouse"
    assert ran == Ran(2, "", f"kili-warehouse: {where}: Permission denied\n")
    (readable / "private").mkdir(mode=0o700)
    ran = as_nobody(readable, "status", "--warehouse", readable / "private" / "warehouse")
    what = f"--warehouse must be a folder that exists or can be created, got `{readable}/private/warehouse`"
    assert ran == Ran(2, "", f"kili-warehouse: {what}: Permission denied\n")


def test_an_unexpected_error_is_one_sentence_and_a_log(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(_: Path) -> None:
        raise KeyError("ana@example.com")

    monkeypatch.setattr(contents, "status", fail)
    (tmp_path / "work").mkdir()
    log = tmp_path / "work" / "last_error.log"
    ran = said(capsys, "status", "--warehouse", tmp_path)
    sentence = "unexpected error (KeyError); the traceback is in"
    assert ran == Ran(1, "", f"kili-warehouse: {sentence} {log}\n")
    assert "Traceback" in log.read_text()
    assert "KeyError: 'ana@example.com'" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    elsewhere = said(capsys, "status", "--warehouse", tmp_path / "none")
    assert elsewhere.err.startswith(f"kili-warehouse: {sentence} {tempfile.gettempdir()}")
    other = Path(elsewhere.err.split()[-1])
    assert "KeyError: 'ana@example.com'" in other.read_text()
    other.unlink()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (dg.Failure("no such bucket"), "no such bucket"),
        (WorkerDied("a process has died"), "a process has died"),
        (
            duckdb.ConversionException("Could not convert 'ana@example.com'"),
            "unexpected error (_duckdb.ConversionException); the traceback is in {log}",
        ),
        (PermissionError(13, "Permission denied", "/x"), "Permission denied: '/x'; the traceback is in {log}"),
        (
            DbtFailed("unique_labels: Got 1 result\n  in marts"),
            "dbt failed: unique_labels: Got 1 result in marts; its output is in last_run.log",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_error_of_a_failed_step_has_no_values_of_the_data(tmp_path: Path, error: Exception, sentence: str) -> None:
    chosen = settings.from_environment().at(None, tmp_path)
    log = chosen.prepare_work() / "last_error.log"

    @dg.asset
    def step() -> None:
        raise error

    ran = dg.materialize([step], raise_on_error=False)
    (failed,) = [event for event in ran.all_events if event.is_step_failure]
    assert error_messages.full(failed, chosen, "last_run.log") == f"step: {sentence.format(log=log)}"
    assert log.exists() == ("{log}" in sentence)
    if log.exists():
        assert str(error) in log.read_text()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Makes a disk of a size, on which it may be mounted again with another."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(size: str, how: str = "") -> Path:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"{how}size={size}", "tmpfs", folder], capture_output=True)
        if done.returncode:
            pytest.skip(f"cannot mount: {done.stderr.decode()}")
        return folder

    yield mount
    subprocess.run(["umount", folder], capture_output=True, check=False)


@pytest.mark.parametrize("size", ["100k", "4m"])
def test_a_full_disk_is_named(small_disk: Callable[..., Path], size: str) -> None:
    """The smaller is full while dbt reads the models, the larger while exports are loaded and Dagster writes of it."""
    warehouse = small_disk(size) / "warehouse"
    ran = run_command("run", "--exports", SAMPLES, "--warehouse", warehouse)
    what = f"nothing more can be written to {warehouse}. Make room, then run again"
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.splitlines()[-1].endswith(f"the disk is full, or a limit on it is reached: {what}")
    assert "Traceback" not in ran.err


def test_a_limit_on_the_size_of_files_is_named(tmp_path: Path) -> None:
    error = OSError(27, os.strerror(27))
    chosen = settings.from_environment().at(None, tmp_path)
    assert unexpected_errors.message(error, chosen).startswith("the disk is full, or a limit on it is reached")


def test_a_closed_pipe_ends_the_command_without_an_error(samples: Path) -> None:
    for more in ([], ["--json"]):
        shell = f"{COMMAND} status --warehouse {samples} {' '.join(more)} | true; echo ${{PIPESTATUS[0]}}"
        ran = subprocess.run(["bash", "-c", shell], capture_output=True, text=True)
        assert (ran.stdout, ran.stderr) == ("141\n", "")


def test_closed_streams_change_no_file(samples: Path) -> None:
    before = (samples / "current" / "warehouse.duckdb").read_bytes()
    for streams in (">&-", ">&- 2>&-", "<&- >&- 2>&-"):
        ran = subprocess.run(
            ["bash", "-c", f"{COMMAND} status --warehouse {samples} {streams}"], capture_output=True, text=True
        )
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert (samples / "current" / "warehouse.duckdb").read_bytes() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux's")
def test_output_to_a_full_disk_gives_a_clear_error(samples: Path) -> None:
    ran = subprocess.run(
        [COMMAND, "status", "--warehouse", samples],
        stdout=Path("/dev/full").open("w"),
        stderr=subprocess.PIPE,
        text=True,
    )
    sentence = "kili-warehouse: cannot write to standard output: No space left on device\n"
    assert (ran.returncode, ran.stderr) == (1, sentence)


@pytest.fixture
def oddly_named(samples: Path, tmp_path: Path) -> Path:
    """The samples' warehouse with an export and a reject whose name holds control characters."""
    copied = shutil.copytree(samples, tmp_path / "warehouse", symlinks=True)
    with duckdb.connect(str(copied / "warehouse.duckdb")) as db:
        db.execute("update kili.exports set file_url = '/in/' || ? where layout = 'json_list'", [NAME])
        db.execute(
            """insert into kili.rejects (export_id, file_url, entry, location, reason)
            values ('1', '/in/' || $1, $1, '/' || $1, $1)""",
            [NAME],
        )
    return copied


def test_an_ascii_terminal_gets_ascii(oddly_named: Path) -> None:
    with duckdb.connect(str(oddly_named / "warehouse.duckdb")) as db:
        db.execute("update kili.rejects set reason = 'né'")
    ran = run_command("rejects", "--warehouse", oddly_named, PYTHONIOENCODING="ascii")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.isascii()
    assert r"n\xe9" in ran.out


def test_names_are_shown_literally_in_tables_and_exactly_in_json(oddly_named: Path) -> None:
    shown = {command: run_command(command, "--warehouse", oddly_named) for command in ("status", "rejects")}
    for ran in shown.values():
        assert (ran.status, ran.err) == (0, "")
        assert set(terminal._CONTROL.findall(ran.out)) == {"\n"}
    assert r"│ x]:boom:\x1b[31m" in shown["status"].out
    columns = [re.split("│", line) for line in shown["rejects"].out.splitlines() if line.startswith("│")]
    cells = ["".join(row[number].strip() for row in columns) for number in (1, 2, 3, 4)]
    assert cells == [SHOWN.rpartition("/")[2], SHOWN, f"/{SHOWN}", SHOWN]
    assert run_command("rejects", "--warehouse", oddly_named, "--json").facts[0]["entry"] == NAME
    urls = {
        export["file_url"] for export in run_command("status", "--warehouse", oddly_named, "--json").facts["exports"]
    }
    assert f"/in/{NAME}" in urls


def test_names_are_shown_literally_in_progress_and_errors(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.prepare()
    logging.getLogger("pipelines.kili.reader").info("read %s", NAME)
    logging.getLogger("assets_defs.kili").error("cannot", exc_info=ValueError(NAME))
    assert capsys.readouterr().err == f"read {SHOWN}\ncannot\n"
    ran = said(capsys, "run", "--exports", f"/none/{NAME}")
    assert ran == Ran(2, "", f"kili-warehouse: no such file or folder: /none/{SHOWN}\n")
    with pytest.raises(SystemExit):
        cli.main(["status", NAME])
    assert f"unrecognized arguments: {SHOWN}\n" in capsys.readouterr().err


def test_an_interrupted_run_ends_without_a_traceback(tmp_path: Path) -> None:
    """Ctrl-C goes to all processes of a terminal."""
    command = [COMMAND, "run", "--exports", SAMPLES, "--warehouse", tmp_path]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True, start_new_session=True) as running:
        assert running.stderr is not None
        progress = [running.stderr.readline()]
        os.killpg(running.pid, signal.SIGINT)
        out, rest = running.communicate()
    assert progress == [f"11 exports found in {SAMPLES}\n"]
    assert (running.returncode, out) == (130, "")
    steps = ("11 exports found ", "read ", "loaded ", "dbt builds ")
    assert [line for line in rest.splitlines() if not line.startswith(steps)] == []
