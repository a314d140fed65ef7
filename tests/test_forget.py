"""Erasing people: which rows change, that the order of loading and erasing does not matter, that no trace is left."""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
import sqlalchemy
from conftest import kill_after_load, load, query, run_command
from helpers.exporting import asset, label
from helpers.quick import Model, Quick
from helpers.scanning import places

from assets_defs import instance as dagster_instance
from pipelines import forget
from pipelines.kili import forgotten
from pipelines.kili.people import Pseudonyms
from pipelines.settings import Settings

ID, EMAIL, NAME = "canaryid7xqcanaryid7xq99", "Canary.Seven@example.com", "Karin Kanarievogel"
OTHER_EMAIL = "karin-old@example.com"
PERSON = {"id": ID, "email": EMAIL, "name": NAME, "firstname": "Karin", "nick": "kk-kanarie"}
CANARY = (ID, EMAIL, OTHER_EMAIL, NAME, "kk-kanarie")
ANSWER = {"T": {"text": f"first line\n{EMAIL.lower()}, and\n{ID} too"}, "K": {"categories": [{"name": "CAR"}]}}
BROKEN = label(author=PERSON, createdAt=None)


def first(**more: Any) -> list[Any]:
    return [
        asset("a1", label(ANSWER, author=PERSON), label(), jsonMetadata={f"by {ID}": [EMAIL]}, content=f"x/{EMAIL}"),
        asset("a2", BROKEN, label(author=PERSON | {"email": OTHER_EMAIL}), externalId=f"{ID}.jpg", **more),
    ]


def second() -> list[Any]:
    """A later export: the person has new answers, one of them known by e-mail only, and reviews."""
    by_email = label({"T": {"text": "x"}}, author={"email": OTHER_EMAIL.upper()}, createdAt="2026-01-04T10:00:00Z")
    review = label(ANSWER, author=PERSON, labelType="REVIEW", createdAt="2026-01-05T10:00:00Z")
    return [asset("a1", label(ANSWER, author=PERSON), label(), review), asset("a3", by_email)]


def written(path: Path, value: Any) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(json.dumps(value))
    return path


def test_to_forget_then_load_is_the_same_as_to_load_then_forget(tmp_path: Path, models: list[Model]) -> None:
    exports = [written(tmp_path / "1.json", first()), written(tmp_path / "2.json", second())]
    before, after = Quick(tmp_path / "before" / "work", models), Quick(tmp_path / "after" / "work", models)
    salted = forgotten.Forgotten("salt", {}, ())
    for one in (before, after):
        salted.write(one.database.parent)
    before.load(exports[0])
    forget.erase([ID], Settings(warehouse=tmp_path / "before"))
    before.load(exports[1])
    after.load(exports[0])
    after.load(exports[1])
    forget.erase([EMAIL], Settings(warehouse=tmp_path / "after"))
    for table in ("assets", "labels", "responses", "annotations", "rejects", "sightings", "flattenings"):
        select = f"select * exclude (_dlt_load_id) from kili.{table} order by all"
        assert before.ask(select) == after.ask(select), table
    assert before.marts() == after.marts()
    assert places(tmp_path / "before", *CANARY) == places(tmp_path / "after", *CANARY) == set()


def test_counts_keys_and_hashes_stay_and_only_the_person_changes(tmp_path: Path, models: list[Model]) -> None:
    quick = Quick(tmp_path / "work", models)
    quick.load(written(tmp_path / "1.json", first()), written(tmp_path / "2.json", second()))
    keys = "select label_key, asset_version, response_hash from kili.labels order by all"
    before = quick.ask(keys)
    assert places(tmp_path / "work", *CANARY) != set()
    erased = forget.erase([EMAIL], Settings(warehouse=tmp_path))
    (name,) = erased.names
    assert quick.ask(keys) == before
    authors = "select distinct author_id, author_email, author_name, extra from kili.labels order by all"
    assert quick.ask(authors) == [(name, None, None, None), ("u1", "u1@example.com", None, None)]
    text = json.loads(
        quick.ask("select json_response from kili.responses where contains(json_response, 'first')")[0][0]
    )
    assert text["T"]["text"] == f"first line\n{name}, and\n{name} too"
    assert quick.ask("select raw from kili.rejects") == [(None,)]
    assert erased.exports == [str(tmp_path / "1.json"), str(tmp_path / "2.json")]


def test_as_of_folders_that_hold_the_person_are_named(tmp_path: Path, models: list[Model]) -> None:
    past = tmp_path / "past"
    for name, export in (("1", first()), ("2", second()), ("3", [])):
        released = Quick(past / name, models)
        released.load(written(tmp_path / f"{name}.json", export))
        released.marts()
    (past / "no warehouse").mkdir()
    Quick(tmp_path / "work", models).load(written(tmp_path / "1.json", first()))
    erased = forget.erase([EMAIL], Settings(warehouse=tmp_path, as_of_folder=past))
    assert erased.as_of_folders == [str(past / "1"), str(past / "2")]


def test_each_person_has_a_name_of_their_own_and_a_repeated_call_keeps_it(tmp_path: Path, models: list[Model]) -> None:
    quick = Quick(tmp_path / "work", models)
    quick.load(written(tmp_path / "1.json", first()))
    settings = Settings(warehouse=tmp_path)
    names = forget.erase([ID, "u1"], settings).names
    assert len(set(names)) == 2
    assert forget.erase(["u1@example.com", EMAIL], settings).names == names[::-1]
    with pytest.raises(forget.UnknownPerson):
        forget.erase([ID, "nobody"], settings)


def test_a_person_whom_the_warehouse_does_not_know_changes_nothing(tmp_path: Path, models: list[Model]) -> None:
    quick = Quick(tmp_path / "work", models)
    quick.load(written(tmp_path / "1.json", first()))
    before = {path: path.read_bytes() for path in (tmp_path / "work").iterdir()}
    ran = run_command("forget", "nobody", "--warehouse", tmp_path)
    expected = f"kili-warehouse: the warehouse {tmp_path} holds nobody with the id or e-mail nobody\n"
    assert (ran.status, ran.out, ran.err) == (2, "", expected)
    assert {path: path.read_bytes() for path in before} == before
    assert not (tmp_path / "work" / forgotten.FILE).exists()


def test_no_file_of_the_warehouse_names_a_forgotten_person(tmp_path: Path) -> None:
    warehouse, exports = tmp_path / "warehouse", tmp_path / "exports"
    load(warehouse, written(exports / "1.json", first()))
    written(exports / "2.json", second())
    kill_after_load("run", "--exports", exports, "--warehouse", warehouse)
    landed = warehouse / "work" / "landing" / "x" / "1.json.gz"
    landed.parent.mkdir(parents=True)
    landed.write_bytes(gzip.compress(json.dumps(first()).encode()))
    (warehouse / "work" / "dbt" / "dbt.log").write_text(f"failed at {EMAIL}")
    counts = "select count(*) as labels, count(distinct author_id) as people from marts.labels"
    found = {name.split("/")[0] for name, _ in places(warehouse, *CANARY)}
    assert found == {"releases", "work"}
    releases = set((warehouse / "releases").iterdir())
    ran = run_command("forget", ID, "--warehouse", warehouse, "--json")
    assert ran.status == 0, ran.err
    assert ran.facts["exports"] == [str(exports / "1.json"), str(exports / "2.json")]
    assert places(warehouse, *CANARY) == set()
    assert query(warehouse, counts) == [{"labels": 5, "people": 2}]
    assert (len(list((warehouse / "releases").iterdir())), releases & set((warehouse / "releases").iterdir())) == (
        1,
        set(),
    )
    load(warehouse, written(exports / "3.json", first(futureKey=1)))
    assert places(warehouse, *CANARY) == set()


def test_a_call_that_was_killed_is_finished_by_the_next(tmp_path: Path, models: list[Model]) -> None:
    quick = Quick(tmp_path / "work", models)
    quick.load(written(tmp_path / "1.json", first()))
    settings = Settings(warehouse=tmp_path)
    shutil.copy(quick.database, tmp_path / "kept.duckdb")
    names = forget.erase([ID], settings).names
    (tmp_path / "kept.duckdb").replace(quick.database)  # as if killed before the rows were rewritten
    (tmp_path / "work" / "warehouse.duckdb.new").write_bytes(b"unfinished")
    assert forget.erase([ID], settings).names == names
    assert places(tmp_path / "work", *CANARY) == set()
    with duckdb.connect(str(quick.database), read_only=True) as db:
        assert db.execute("select count(*) from kili.labels").fetchall() == [(3,)]


def test_a_person_with_a_pseudonym_is_erased_by_id_or_pseudonym(tmp_path: Path, models: list[Model]) -> None:
    key = "a secret of the test"
    settings = Settings(warehouse=tmp_path, is_pseudonymised=True, pseudonym_key=key)
    hidden = Pseudonyms(key)
    quick = Quick(tmp_path / "work", models, pseudonyms=hidden)
    quick.load(written(tmp_path / "1.json", first()))
    names = forget.erase([ID], settings).names
    assert forget.erase([hidden.of("u1")], settings).names != names
    assert places(tmp_path / "work", *map(hidden.of, (ID, EMAIL, OTHER_EMAIL, "u1"))) == set()


def test_the_history_of_runs_in_postgresql_is_deleted(
    tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KILI_DAGSTER_POSTGRES_URL", postgres)
    settings = Settings(warehouse=tmp_path, dagster_postgres=postgres)
    with dg.DagsterInstance.from_config(str(dagster_instance.prepare(settings))) as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization("labels", metadata={"of": EMAIL}))
    before = _dump(postgres)
    dagster_instance.wipe(settings)
    assert (EMAIL in before, EMAIL in _dump(postgres)) == (True, False)


def _dump(url: str) -> str:
    """All rows of a PostgreSQL database."""
    with sqlalchemy.create_engine(url).connect() as db:
        tables = sqlalchemy.inspect(db).get_table_names()
        rows = [db.execute(sqlalchemy.text(f'select * from "{table}"')).fetchall() for table in tables]
        return str([tuple(row) for found in rows for row in found])  # SQLAlchemy shortens the values of its rows
