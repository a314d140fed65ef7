"""The load by dlt into DuckDB: which rows are written and exports read again, and the state after a kill."""

import json
import multiprocessing
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import psutil
import pytest
from conftest import SAMPLES

from pipelines.kili import ledger, new_names, reader, reconciliation, records, versions, workers
from pipelines.kili import load as kili_load
from pipelines.kili.rows import KnownState
from pipelines.landing import discovery
from pipelines.loading import database as database_file
from pipelines.loading import tables
from pipelines.loading.parquet_files import Spool
from pipelines.settings import Settings

OUR_OWN = {"exports": ("loaded_at",)}


def settings(folder: Path) -> Settings:
    return Settings(warehouse=folder)


def load(folder: Path, *paths: Path) -> ledger.Load:
    return kili_load.load([discovery.Landed(str(path), path) for path in paths], settings(folder))


def rows(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of schema kili, without the load's id and time."""
    with duckdb.connect(str(settings(folder).database), read_only=True) as db:
        return {
            table.name: db.execute(
                f"select * exclude ({', '.join([tables.LOAD_ID, *OUR_OWN.get(table.name, ())])})"
                f" from kili.{table.name} order by all"
            ).fetchall()
            for table in records.TABLES
        }


def write(folder: Path, name: str, *labels: dict[str, Any]) -> Path:
    path = folder / f"{name}.json"
    path.write_text(json.dumps([{"id": "a", "labels": list(labels)}]))
    return path


def label(answer: str, **more: Any) -> dict[str, Any]:
    response = {"KIND": {"categories": [{"name": answer}]}}
    return {"labelType": "DEFAULT", "createdAt": "2024-01-01T00:00:00Z", "jsonResponse": response, **more}


def test_duplicate_labels_are_counted_and_written_once(tmp_path: Path) -> None:
    one, other = label("CAR", id="l1", skipped=False), label("BUS", id="l1", skipped=None)
    path = write(tmp_path, "a", one, other, label("VAN"), {"labelType": "DEFAULT"})
    load(tmp_path / "w", path)
    assert ledger_of(tmp_path / "w") == [(4, 1, 1)]
    pretty = tmp_path / "pretty.json"
    pretty.write_text(json.dumps(json.loads(path.read_text()), indent=4))
    same = write(tmp_path, "same", one, other, label("VAN"))
    load(tmp_path / "w", pretty, same)
    again = tmp_path / "again.json"
    again.write_bytes(same.read_bytes() + b" ")  # another export with the same record
    load(tmp_path / "w", again)
    assert ledger_of(tmp_path / "w") == [(3, 1, 0), (3, 1, 0), (4, 1, 1), (4, 1, 1)]
    assert len(rows(tmp_path / "w")["labels"]) == 2
    assert reconciliation.is_balanced(settings(tmp_path / "w").database)


def ledger_of(folder: Path) -> list[tuple[int, ...]]:
    """Labels, duplicate labels and rejected labels of each export."""
    query = "select label_count, duplicate_label_count, rejected_label_count from kili.exports order by all"
    with duckdb.connect(str(settings(folder).database), read_only=True) as db:
        return db.execute(query).fetchall()


def test_a_column_that_is_new_is_added_to_an_older_warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"id": "a", "labels": []}]')
    with monkeypatch.context() as older:
        place = [column.name for column in records.EXPORTS.columns].index("duplicate_label_count")
        columns = records.EXPORTS.columns
        exports = replace(records.EXPORTS, columns=columns[:place] + columns[place + 1 :])
        older.setattr(records, "EXPORTS", exports)
        older.setattr(records, "TABLES", (exports, *records.TABLES[1:]))
        load(tmp_path / "w", path)
    assert load(tmp_path / "w", path).load_id is not None
    assert ledger_of(tmp_path / "w") == [(0, None, 0)]
    assert reconciliation.is_balanced(settings(tmp_path / "w").database)
    assert load(tmp_path / "w", path).load_id is None


def test_the_same_export_under_two_names_is_one(tmp_path: Path) -> None:
    first = write(tmp_path, "first", label("CAR"))
    done = load(tmp_path / "w", first, Path(shutil.copy(first, tmp_path / "second.json")))
    assert (done.exports_found, done.new_row_counts["exports"]) == (1, 1)


def test_several_processes_load_the_same_rows_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_MIN_BYTES_FOR_WORKERS", 0)
    monkeypatch.setattr(reader, "_BATCH_BYTES", 1)
    paths = [tmp_path / f"{name}.json" for name in "abc"]
    for path, answer in zip(paths, ("CAR", "BUS", "CAR"), strict=True):
        odd = label("", jsonResponse={"SOUND": {"waves": [1]}}), {"labelType": "DEFAULT"}
        path.write_text(json.dumps([{"id": f"{n}", "labels": [label(answer), *odd]} for n in range(40)]))
    found = [discovery.Landed(path.name, path) for path in paths]
    one, two = (settings(tmp_path / name).model_copy(update={"workers": n}) for name, n in (("one", 1), ("two", 2)))
    done = kili_load.load(found, two)
    assert done.new_row_counts == kili_load.load(found, one).new_row_counts
    assert rows(two.warehouse) == rows(one.warehouse)
    assert not (two.work / "dlt" / "kili" / "spool").exists()


def test_a_worker_that_dies_gives_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_MIN_BYTES_FOR_WORKERS", 0)
    spool = Spool(tmp_path, "1", records.TABLES)
    with pytest.raises(workers.WorkerDied, match="exit code -9"), workers.Workers(2, spool) as processes:
        answer_of_killed(processes)


def answer_of_killed(processes: workers.Workers) -> None:
    processes.expect(1)
    for other in multiprocessing.active_children():
        other.kill()
    processes.submit([], KnownState({}, set())).result()


LOAD_THAT_WAITS = """
import multiprocessing, os, sys, time
from pathlib import Path
from pipelines import settings
from pipelines.kili import workers
from pipelines.landing import discovery
from pipelines.kili import load

def wait(*_):
    others = [other.pid for other in multiprocessing.active_children()]
    holder = os.fork()
    if holder:
        print(holder, *others, flush=True)
    time.sleep(99)

workers._MIN_BYTES_FOR_WORKERS = 0
workers._WorkerProcess.submit = wait
chosen = settings.Settings(warehouse=Path(sys.argv[1]), workers=3)
load.load([discovery.Landed("x", Path(sys.argv[2]))], chosen)
"""


def test_processes_that_read_end_with_a_load_that_is_killed_and_the_next_one_loads_all(tmp_path: Path) -> None:
    """Workers only notice closed pipes between batches, because other processes hold the other ends."""
    export = write(tmp_path, "x", label("CAR"))
    command = [sys.executable, "-c", LOAD_THAT_WAITS, str(tmp_path / "w"), str(export)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as loading:
        assert loading.stdout is not None
        holder, *others = [psutil.Process(int(number)) for number in loading.stdout.readline().split()]
        loading.kill()
        left = psutil.wait_procs(others, timeout=60)[1]
        holder.kill()
    assert (len(others), left) == (2, [])
    assert load(tmp_path / "w", export).new_row_counts["labels"] == 1


def test_an_asset_that_did_not_change_writes_a_ledger_row_and_a_sighting(tmp_path: Path) -> None:
    load(tmp_path / "w", write(tmp_path, "first", label("CAR")))
    pretty = tmp_path / "pretty.json"
    pretty.write_text(json.dumps(json.loads((tmp_path / "first.json").read_text()), indent=4))
    counts = load(tmp_path / "w", pretty).new_row_counts
    assert {name: count for name, count in counts.items() if count} == {"exports": 1, "sightings": 1}


def test_an_earlier_answer_that_returns_is_not_written_again(tmp_path: Path) -> None:
    exports = [write(tmp_path, "a", label("CAR")), write(tmp_path, "b", label("BUS"))]
    load(tmp_path / "w", *exports)
    counts = load(tmp_path / "w", write(tmp_path, "c", label("CAR", skipped=True))).new_row_counts
    assert (counts["assets"], counts["labels"], counts["responses"], counts["annotations"]) == (1, 1, 0, 0)


def test_the_same_label_from_an_archive_and_from_the_api_has_one_key(tmp_path: Path) -> None:
    author = {"id": "u", "email": "u@example.com"}
    archive = label("CAR", author=author | {"name": "U U"})
    api = label("CAR", author=author, id="kili-label-id", honeypotMark=0.5, createdAt="2024-01-01T01:00:00+01:00")
    load(tmp_path / "w", write(tmp_path, "archive", archive), write(tmp_path, "api", api))
    keys = {row[0] for row in rows(tmp_path / "w")["labels"]}
    assert len(keys) == 1


def test_tied_labels_are_numbered_by_answer_whatever_their_order(tmp_path: Path) -> None:
    load(tmp_path / "w", write(tmp_path, "one", label("CAR"), label("BUS")))
    counts = load(tmp_path / "w", write(tmp_path, "two", label("BUS"), label("CAR"))).new_row_counts
    assert counts["labels"] == 0
    assert len({row[0] for row in rows(tmp_path / "w")["labels"]}) == 2


def test_a_signature_that_changes_does_not_make_a_new_version(tmp_path: Path) -> None:
    for day in (1, 2):
        url = f"https://bucket.example.com/1.jpg?v=3&X-Amz-Date=2024010{day}&X-Amz-Signature={day}"
        path = tmp_path / f"{day}.json"
        path.write_text(json.dumps([{"id": "a", "content": url, "labels": []}]))
        load(tmp_path / "w", path)
    assert [row[4] for row in rows(tmp_path / "w")["assets"]] == ["https://bucket.example.com/1.jpg?v=3"]


def test_exports_read_by_an_older_loader_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "a", label("CAR"), label("BUS", labelType=["odd"]))
    good = write(tmp_path, "b", label("VAN"))
    with monkeypatch.context() as older:
        older.setattr(versions, "LOADER_VERSION", "0")
        assert load(tmp_path / "w", path, good).new_row_counts["rejects"] == 1
    again = load(tmp_path / "w", path, good).new_row_counts
    assert {name: count for name, count in again.items() if count} == {"exports": 2, "sightings": 2, "rejects": 1}
    assert load(tmp_path / "w", path, good).load_id is None


def test_a_newer_flatten_version_flattens_stored_answers_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "a", label("CAR"))
    with monkeypatch.context() as older:
        older.setattr(versions, "FLATTEN_VERSION", 0)
        load(tmp_path / "w", path)
    again = load(tmp_path / "w", path)
    assert {name for name, count in again.new_row_counts.items() if count} == {"annotations", "flattenings"}
    assert [row[3] for row in rows(tmp_path / "w")["annotations"]] == [0, versions.FLATTEN_VERSION]
    assert [row[2:] for row in rows(tmp_path / "w")["flattenings"]] == [
        (0, "a", 1, '["KIND"]'),
        (versions.FLATTEN_VERSION, "a", 1, '["KIND"]'),
    ]
    assert load(tmp_path / "w", path).load_id is None


def test_every_answer_has_a_flattening_also_one_without_annotations(tmp_path: Path) -> None:
    named = {"TEXT": {"text": "x"}, "KIND": {"categories": []}, "NOTHING": None}
    load(tmp_path / "w", write(tmp_path, "a", label("CAR"), label("", jsonResponse=named), label("", jsonResponse={})))
    written = rows(tmp_path / "w")
    answered = [row[:2] for row in written["responses"]]
    assert [row[:2] for row in written["flattenings"]] == answered
    assert sorted(row[2:] for row in written["flattenings"]) == [
        (versions.FLATTEN_VERSION, "a", 0, "[]"),
        (versions.FLATTEN_VERSION, "a", 1, '["KIND","TEXT"]'),
        (versions.FLATTEN_VERSION, "a", 1, '["KIND"]'),
    ]


def test_an_older_warehouse_without_answers_gets_the_tables_and_columns_it_lacks(tmp_path: Path) -> None:
    path = write(tmp_path, "a")
    load(tmp_path / "w", path)
    database = settings(tmp_path / "w").database
    whole = database_file.columns(database, "kili")
    with duckdb.connect(str(database)) as db:
        db.execute("drop table kili.flattenings; alter table kili.exports drop column project_name")
        db.execute("delete from kili._dlt_version")  # dlt's record of the tables that it has made
    assert ledger.is_outdated(database)
    done = load(tmp_path / "w", path)
    assert (done.load_id is None, sum(done.new_row_counts.values())) == (False, 0)
    assert database_file.columns(database, "kili") == whole
    assert (ledger.is_outdated(database), load(tmp_path / "w", path).load_id) == (False, None)


def test_answers_of_an_older_warehouse_are_found_by_their_missing_flattening(tmp_path: Path) -> None:
    path = write(tmp_path, "a", label("CAR"), label("", jsonResponse={}))
    load(tmp_path / "w", path)
    whole = rows(tmp_path / "w")["flattenings"]
    database = settings(tmp_path / "w").database
    with duckdb.connect(str(database)) as db:
        db.execute("delete from kili.flattenings where annotation_count = 0")
    assert ledger.is_outdated(database)
    counts = load(tmp_path / "w", path).new_row_counts
    assert {name: count for name, count in counts.items() if count} == {"flattenings": 1}
    assert rows(tmp_path / "w")["flattenings"] == whole
    assert not ledger.is_outdated(database)


def test_names_that_are_new_to_a_project_are_reported(tmp_path: Path) -> None:
    load(tmp_path / "w", write(tmp_path, "a", label("CAR", futureKey=1)))
    first = load(tmp_path / "w", write(tmp_path, "b", label("CAR", futureKey=2)))
    assert new_names.find_new(settings(tmp_path / "w").database, first.load_id or "") == []
    odd = label("CAR", laterKey=True, jsonResponse={"SOUND": {"waves": [1]}})
    later = load(tmp_path / "w", write(tmp_path, "c", odd))
    new = new_names.find_new(settings(tmp_path / "w").database, later.load_id or "")
    assert new == [
        (None, "job", "SOUND", 1),
        (None, "key of a label", "laterKey", 1),
        (None, "kind", "unknown", 1),
    ]
    unknown = new_names.find_unknown(settings(tmp_path / "w").database, later.load_id or "")
    assert unknown == [(None, "key of a label", "laterKey", 1), (None, "kind", "unknown", 1)]


PHASES = {
    "read": "pipelines.kili.locate.locate_records",
    "extract": "dlt.extract.extract.Extract.commit_packages",
    "normalise": "dlt.normalize.normalize.Normalize.run",
    "load of a table": "dlt.destinations.impl.duckdb.duck.DuckDbCopyJob.run",
    "end of the load": "dlt.destinations.job_client_impl.SqlJobClientBase.complete_load",
    "after the load": "dlt.common.storages.load_storage.LoadStorage.complete_load_package",
}
KILLS = [*((phase, 0) for phase in PHASES), *(("load of a table", done) for done in range(1, 8))]
FIRST = [("extract", 0), ("load of a table", 3), ("end of the load", 0)]  # a first load has no tables to begin with
CHILD = """
import os, pkgutil, signal, sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
import test_load

owner, name = sys.argv[2].rsplit(".", 1)
target, calls, after = pkgutil.resolve_name(owner), 0, int(sys.argv[3])
whole = getattr(target, name)

def killed(*args, **kwargs):
    global calls
    calls += 1
    if calls > after:
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(*args, **kwargs)

setattr(target, name, killed)
test_load.load(Path(sys.argv[4]), *map(Path, sys.argv[5:]))
"""


def kill_in(phase: str, after: int, folder: Path, exports: list[Path]) -> int:
    """Loads in a process of its own that gets SIGKILL when it enters a phase for the (after + 1)th time."""
    place = str(Path(__file__).parent)
    arguments = [place, PHASES[phase], str(after), str(folder), *map(str, exports)]
    return subprocess.run([sys.executable, "-c", CHILD, *arguments], capture_output=True, check=False).returncode


def test_a_load_that_is_killed_at_any_point_has_no_effect(tmp_path: Path) -> None:
    """Killed in the first load, and in a later one after which dlt's folder is gone; in every phase and every table.

    The next load ends where an undisturbed one would.
    """
    samples = sorted(SAMPLES.iterdir())
    first, later = samples[:3], samples[3:]
    load(tmp_path / "undisturbed", *first)
    load(tmp_path / "undisturbed", *later)
    expected = rows(tmp_path / "undisturbed")
    hit: dict[tuple[str, int], list[int]] = {}
    for phase, after in KILLS:
        folder = tmp_path / f"{phase} {after}"
        if (phase, after) in FIRST:
            hit[phase, after] = [kill_in(phase, after, folder, first)]
        load(folder, *first)
        hit.setdefault((phase, after), []).append(kill_in(phase, after, folder, later))
        shutil.rmtree(folder / "work" / "dlt", ignore_errors=True)
        load(folder, *later)
        assert rows(folder) == expected, (phase, after)
    assert {status for statuses in hit.values() for status in statuses} == {-signal.SIGKILL}, hit
