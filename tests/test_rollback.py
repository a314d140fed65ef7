"""`kili-warehouse rollback`: an earlier release is published again, and readers keep the file that they opened."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import load, query, run_command

from pipelines.loading import lock
from pipelines.publishing import release as releases
from pipelines.publishing import rollback
from pipelines.settings import from_environment

COUNT = "select count(*) as n from marts.assets"
READER = f"""
import sys, duckdb
with duckdb.connect(sys.argv[1], read_only=True) as db:
    for line in sys.stdin:
        print(db.sql("{COUNT}").fetchall()[0][0], flush=True)
"""


@contextmanager
def reader(warehouse: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that keeps the published file open, and counts assets for each line that it gets."""
    command = [sys.executable, "-c", READER, str(warehouse / "warehouse.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.communicate()


def count(process: subprocess.Popen[str]) -> int:
    assert process.stdin
    assert process.stdout
    process.stdin.write("\n")
    process.stdin.flush()
    return int(process.stdout.readline())


def published(warehouse: Path) -> int:
    return query(warehouse, COUNT)[0]["n"]


def test_readers_keep_their_file_through_a_publish_and_a_rollback(warehouse: Path, tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text('[{"id": "one-more", "externalId": "one more.jpg", "labels": []}]')
    first, before = releases.current(warehouse), published(warehouse)
    assert first
    with reader(warehouse) as old:
        assert count(old) == before
        load(warehouse, tmp_path / "one.json")
        second = releases.current(warehouse)
        assert second
        with reader(warehouse) as new:
            assert (count(old), count(new), published(warehouse)) == (before, before + 1, before + 1)
            ran = run_command("rollback", "--warehouse", warehouse, "--json")
            assert ran.status == 0, ran.err
            assert ran.facts == {"before": second.id, "after": first.id}
            assert (count(old), count(new), published(warehouse)) == (before, before + 1, before)
            assert releases.current(warehouse) == first
            load(warehouse, tmp_path / "one.json")
            assert (count(old), count(new), published(warehouse)) == (before, before + 1, before + 1)
    third = releases.current(warehouse)
    assert third
    assert (first.sequence, second.sequence, third.sequence) == (1, 2, 3)


def publish(warehouse: Path, samples: Path) -> str:
    return releases.publish(warehouse, samples / "work" / "warehouse.duckdb", "models").id


def current(warehouse: Path) -> str:
    return (warehouse / "current").resolve().name


def test_each_rollback_goes_one_release_back_until_there_is_none(samples: Path, tmp_path: Path) -> None:
    first, second, third = (publish(tmp_path, samples) for _ in range(3))
    assert [rollback.roll_back(tmp_path) for _ in range(2)] == [(third, second), (second, first)]
    ran = run_command("rollback", "--warehouse", tmp_path)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == f"kili-warehouse: {tmp_path} has no release before {first}\n"
    assert current(tmp_path) == first


def test_a_named_release_is_published_also_a_later_one(samples: Path, tmp_path: Path) -> None:
    first, _, third = (publish(tmp_path, samples) for _ in range(3))
    assert rollback.roll_back(tmp_path, first) == (third, first)
    assert rollback.roll_back(tmp_path, third) == (first, third)
    assert current(tmp_path) == third


def test_the_next_release_after_a_rollback_is_the_newest(samples: Path, tmp_path: Path) -> None:
    database = samples / "work" / "warehouse.duckdb"
    publish(tmp_path, samples)
    publish(tmp_path, samples)
    assert releases.is_current(tmp_path, database, "models")
    second = releases.current(tmp_path)
    rollback.roll_back(tmp_path)
    assert releases.newest(tmp_path) == second  # by which dbt knows whether to rebuild everything
    assert not releases.is_current(tmp_path, database, "models")
    made = publish(tmp_path, samples)
    assert (made, 3) == (current(tmp_path), releases.current(tmp_path).sequence)
    assert releases.is_current(tmp_path, database, "models")


@pytest.mark.parametrize("name", ["20200101T000000.000000Z", "../work", ""])
def test_an_unknown_release_is_refused(samples: Path, tmp_path: Path, name: str) -> None:
    made = publish(tmp_path, samples)
    ran = run_command("rollback", name, "--warehouse", tmp_path)
    assert ran.status == 2
    assert ran.err == f"kili-warehouse: {tmp_path} has no release `{name}`; it has {made}\n"
    assert current(tmp_path) == made


def test_a_damaged_release_is_not_published(samples: Path, tmp_path: Path) -> None:
    first, second = (publish(tmp_path, samples) for _ in range(2))
    (tmp_path / "releases" / first / "warehouse.duckdb").write_bytes(b"")
    with pytest.raises(rollback.NoRelease, match=f"^release {first} is damaged"):
        rollback.roll_back(tmp_path)
    assert current(tmp_path) == second


def test_a_folder_without_a_warehouse_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    ran = run_command("rollback", "--warehouse", tmp_path / "none")
    assert ran.err == f"kili-warehouse: no warehouse has been published in {tmp_path / 'none'}\n"
    assert (ran.status, (tmp_path / "none").exists()) == (2, False)


def test_a_rollback_does_not_run_beside_a_writer(samples: Path, tmp_path: Path) -> None:
    _, second = (publish(tmp_path, samples) for _ in range(2))
    with lock.held(from_environment().at("x", tmp_path)):
        ran = run_command("rollback", "--warehouse", tmp_path)
    assert ran.status == 1
    assert "is writing to" in ran.err
    assert current(tmp_path) == second
