"""Unreadable exports: each has a reject, is retried in every run, and leaves the rejects once it is loaded."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest
from helpers.exporting import README, asset, label, written, zipped

from pipelines.kili import ledger, locate, reader, readings, reconciliation, versions
from pipelines.kili import load as kili_load
from pipelines.landing import archives, cache, discovery, local_files
from pipelines.publishing import published_tables
from pipelines.settings import Settings

NOBODY = 65534
DENIED = "cannot be read: Permission denied. Every run tries it again"
PIPE = "cannot be read: it is a named pipe, not a file. Every run tries it again"
CHANGED = "cannot be read: it changed while it was being read. Every run tries it again"
GONE = "cannot be read: it has disappeared. Every run tries it again"


@dataclass
class Loaded:
    """The state of a warehouse after one load of all exports in a folder, as a release shows it."""

    found: int
    rejected: int
    written: dict[str, int]
    assets: list[str]
    rejects: list[tuple[str, str | None, str]] = field(default_factory=list)


def load(folder: Path) -> Loaded:
    """Loads `exports` in a folder as a run does, from the search to the tables that are published."""
    settings = Settings(exports=str(folder / "exports"), warehouse=folder / "warehouse")
    with cache.opened(settings) as known:
        found = [known.land(one) for one in discovery.find(str(folder / "exports"), settings.warehouse)]
    done = kili_load.load(found, settings)
    assert reconciliation.is_balanced(settings.database)
    with duckdb.connect(str(settings.database)) as db:  # views that dbt makes for the published ledger
        db.execute("create schema if not exists staging")
        for table in ("exports", "sightings", "rejects"):
            db.execute(f"create or replace view staging.stg_kili__{table} as select * from kili.{table}")
    release = folder / "release.duckdb"
    release.unlink(missing_ok=True)
    published_tables.copy(settings.database, release)
    with duckdb.connect(str(release), read_only=True) as db:
        assets = db.execute("select distinct asset_id from kili.sightings order by all").fetchall()
        rejects = db.execute("select file_url, entry, reason from kili.rejects order by all").fetchall()
    return Loaded(
        found=done.exports_found,
        rejected=done.exports_rejected,
        written={name: count for name, count in done.new_row_counts.items() if count},
        assets=[asset_id for (asset_id,) in assets],
        rejects=[(os.path.relpath(url, folder / "exports"), entry, reason) for url, entry, reason in rejects],
    )


def one(asset_id: str) -> list[dict[str, Any]]:
    return [asset(asset_id, label({"J": {"text": asset_id}}))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose `exports` holds one good export."""
    written(tmp_path / "exports" / "good.json", one("good"))
    return tmp_path


def as_pipe(path: Path) -> None:
    os.mkfifo(path)


def as_socket(path: Path) -> None:
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as opened:
        opened.bind(path.name)  # a longer path is not allowed


def as_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def as_link(path: Path) -> None:
    path.symlink_to("nowhere")


def as_loop(path: Path) -> None:
    path.symlink_to(path)


KINDS = {
    "device.json": (as_device, "it is a device, not a file"),
    "link.json": (as_link, "it is a link to what does not exist"),
    "loop.json": (as_loop, "Too many levels of symbolic links"),
    "pipe.json": (as_pipe, "it is a named pipe, not a file"),
    "pipe.zip": (as_pipe, "it is a named pipe, not a file"),
    "socket.json.gz": (as_socket, "it is a socket, not a file"),
}


def test_what_is_no_file_is_one_reject_until_it_is_one(folder: Path) -> None:
    for name, (make, _) in KINDS.items():
        make(folder / "exports" / name)
    rejects = [(name, None, f"cannot be read: {what}. Every run tries it again") for name, (_, what) in KINDS.items()]
    first = load(folder)
    assert first == Loaded(7, 6, first.written, ["good"], rejects)
    assert load(folder) == Loaded(7, 6, {}, ["good"], rejects)
    for name in KINDS:
        (folder / "exports" / name).unlink()
        written(folder / "exports" / name, one(name))
    last = load(folder)
    assert last == Loaded(7, 0, last.written, sorted(["good", *KINDS]))


def test_the_ledger_says_this_of_what_cannot_be_read(folder: Path) -> None:
    pipe = folder / "exports" / "pipe.json"
    as_pipe(pipe)
    load(folder)
    with duckdb.connect(str(folder / "release.duckdb"), read_only=True) as db:
        db.execute(
            """select columns(* exclude (loaded_at, loader_version, _dlt_load_id)) from kili.exports
            where export_id = sha256('unreadable ' || ?)""",
            [str(pipe)],
        )
        names = [column[0] for column in db.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in db.fetchall()]
    ((row),) = rows
    counts = {name: 0 for name in names if name.endswith("_count")}
    told = {"export_id": readings.unreadable_id(str(pipe)), "file_url": str(pipe), "is_rejected": True, "size_bytes": 0}
    assert row == dict.fromkeys(names) | counts | told


@pytest.mark.parametrize("loader", [versions.LOADER_VERSION, "an older one"])
def test_a_file_that_becomes_readable_and_is_known_by_another_name_leaves_the_rejects(
    folder: Path, monkeypatch: pytest.MonkeyPatch, loader: str
) -> None:
    odd = folder / "exports" / "odd.json"
    as_pipe(odd)
    with monkeypatch.context() as older:
        older.setattr(versions, "LOADER_VERSION", loader)
        load(folder)
    odd.unlink()
    shutil.copy(folder / "exports" / "good.json", odd)
    again = load(folder)
    assert again == Loaded(1, 0, {"exports": 1, "sightings": 1}, ["good"])
    assert load(folder) == Loaded(1, 0, {}, ["good"])


def test_a_file_that_was_loaded_and_is_unreadable_later_is_a_reject_until_it_can_be_read_again(folder: Path) -> None:
    good, kept = folder / "exports" / "good.json", folder / "kept"
    load(folder)
    good.rename(kept)
    as_pipe(good)
    assert load(folder).rejects == [("good.json", None, PIPE)]
    good.unlink()
    kept.rename(good)
    assert load(folder) == Loaded(1, 0, {"exports": 1, "sightings": 1}, ["good"])


def vanish(patched: pytest.MonkeyPatch, owner: Any, step: str, path: Path, at: int = 1) -> None:
    """Deletes a file when a step of reading begins for the given number of times."""
    whole = getattr(owner, step)
    calls: list[None] = []

    def vanishing(*arguments: Any) -> Any:
        calls.append(None)
        if len(calls) == at:
            path.unlink()
        return whole(*arguments)

    patched.setattr(owner, step, vanishing)


@pytest.mark.parametrize(
    ("name", "owner", "step"),
    [
        ("gone.json", local_files, "identify"),
        ("gone.json", archives, "opened"),
        ("gone.json", locate, "read_records"),
        ("gone.zip", archives, "_open_zip"),
    ],
)
def test_a_file_that_disappears_is_one_reject_and_is_loaded_when_it_is_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, owner: Any, step: str
) -> None:
    gone = folder / "exports" / name
    zipped(gone, ("data.json", one("gone"))) if name.endswith("zip") else written(gone, one("gone"))
    content = gone.read_bytes()
    with monkeypatch.context() as patched:
        vanish(patched, owner, step, gone)
        first = load(folder)
    assert first == Loaded(2, 1, first.written, ["good"], [(name, None, GONE)])
    gone.write_bytes(content)
    again = load(folder)
    assert again == Loaded(2, 0, again.written, ["gone", "good"])


@pytest.mark.parametrize(
    ("at", "reject"), [(1, (None, CHANGED)), (2, ("labels/b.json", GONE))], ids=["before it is opened", "later"]
)
def test_an_export_folder_of_which_a_file_disappears_loads_without_it_until_it_is_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch, at: int, reject: tuple[str | None, str]
) -> None:
    made = export_folder(folder)
    with monkeypatch.context() as patched:
        vanish(patched, locate, "locate_records", made / "labels" / "b.json", at)
        first = load(folder)
    assert (first.assets, first.rejects) == (["a", "good"], [("made", *reject)])
    written(made / "labels" / "b.json", one("b")[0])
    again = load(folder)
    assert (again.assets, again.rejects) == (["a", "b", "good"], [])


def test_an_export_that_breaks_off_while_it_is_read_is_read_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = export_folder(folder) / "labels" / "b.json"
    with monkeypatch.context() as patched:
        patched.setattr(reader, "_BATCH_BYTES", 1)
        vanish(patched, locate, "read_records", broken, at=2)
        first = load(folder)
    assert (first.assets, first.rejects) == (["a", "good"], [("made", None, GONE)])
    written(broken, one("b")[0])
    again = load(folder)
    assert (again.assets, again.rejects) == (["a", "b", "good"], [])
    assert load(folder).written == {}


def export_folder(folder: Path) -> Path:
    """An export folder with two assets, next to the good export."""
    made = folder / "exports" / "made"
    written(made / discovery.README, README.encode())
    for name in "ab":
        written(made / "labels" / f"{name}.json", one(name)[0])
    return made


@pytest.mark.parametrize("name", ["labels/pipe.json", "assets/pipe.jpg", discovery.README])
def test_what_is_no_file_in_an_export_folder_is_its_own_reject(folder: Path, name: str) -> None:
    made = export_folder(folder)
    (made / name).unlink(missing_ok=True)
    (made / name).parent.mkdir(exist_ok=True)
    as_pipe(made / name)
    first = load(folder)
    assert first == Loaded(3, 1, first.written, ["a", "b", "good"], [("made", name, PIPE)])
    assert load(folder) == Loaded(3, 1, {}, ["a", "b", "good"], [("made", name, PIPE)])
    written(made / "labels" / "c.json", one("c")[0])
    assert load(folder).rejects == [("made", name, PIPE)]
    (made / name).unlink()
    last = load(folder)
    assert (last.assets, last.rejects) == (["a", "b", "c", "good"], [])


def test_rows_of_a_load_that_never_finished_are_not_taken_for_loaded(folder: Path) -> None:
    load(folder)
    settings = Settings(warehouse=folder / "warehouse")
    with duckdb.connect(str(settings.database)) as db:
        db.execute("update kili._dlt_loads set status = 1")
    exports = ledger.identify_exports([discovery.Landed("good", folder / "exports" / "good.json")], settings)
    assert ledger.exports_to_read(exports, settings.database) == exports


STEPS = """
import sys, json
sys.path.insert(0, sys.argv[1])
import test_unreadable
from pathlib import Path
print(json.dumps(test_unreadable.as_nobody(Path(sys.argv[2]))))
"""


def as_nobody(folder: Path) -> list[Any]:
    """Results of loads by a user without rights: the first, the second, and one with the rights. Ends as that user."""
    for _ in range(2):  # by root, so that every module is imported: the user may not be allowed to
        load(folder / "first")
        (folder / "first" / "exports" / "made" / "labels" / "b.json").unlink(missing_ok=True)
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    place = folder / "second"
    closed = [place / "exports" / name for name in ("closed.json", "sub", "made/labels/b.json", "made/media")]
    for path in closed:
        path.chmod(0)
    told = [load(place), load(place)]
    (place / "exports" / "more.json").write_text(json.dumps(one("more")))
    told.append(load(place))
    for path in closed:
        path.chmod(0o700)
    told += [load(place), load(place)]
    whole = place / "exports" / "good.json"
    whole.chmod(0)
    alone = Settings(exports=str(whole), warehouse=place / "warehouse")
    (found,) = discovery.find(str(whole), alone.warehouse)
    done = kili_load.load([discovery.Landed(found.url, Path(found.path))], alone)
    return [*(vars(one) for one in told), [done.exports_found, done.exports_rejected]]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter, unlike pytest's folders."""
    made = Path(tempfile.mkdtemp())
    yield made
    shutil.rmtree(made)


def test_what_the_user_may_not_read_is_rejected_and_the_rest_loads(open_folder: Path) -> None:
    """Runs as another user than root, who can read everything: files, folders, and parts of an export folder."""
    for place in (open_folder / "first", open_folder / "second"):
        written(place / "exports" / "good.json", one("good"))
        export_folder(place)
    second = open_folder / "second"
    written(second / "exports" / "closed.json", one("closed"))
    written(second / "exports" / "sub" / "c.json", one("good"))
    written(second / "exports" / "made" / "media" / "1.jpg", b"")
    for path in [open_folder, *open_folder.rglob("*")]:
        os.chown(path, NOBODY, NOBODY) if os.getuid() == 0 else None
        path.chmod(0o700)
    command = [sys.executable, "-c", STEPS, str(Path(__file__).parent), str(open_folder)]
    variables = os.environ | {"HOME": str(open_folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, again, more, opened, last, alone = json.loads(done.stdout)
    places = [["closed.json", None], ["made", "labels/b.json"], ["made", "media"], ["sub", None]]
    rejects = [[*place, DENIED] for place in places]
    assert (first["found"], first["rejected"]) == (5, 3)
    assert (first["assets"], first["rejects"]) == (["a", "good"], rejects)
    assert again == first | {"written": {}}
    assert (more["assets"], more["rejects"]) == (["a", "good", "more"], rejects)
    assert (opened["assets"], opened["rejects"]) == (["a", "b", "closed", "good", "more"], [])
    assert last == opened | {"written": {}}
    assert alone == [1, 1]
