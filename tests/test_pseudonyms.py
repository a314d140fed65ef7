"""Pseudonyms of people: which values they replace, that none of these is left, and that marts are otherwise equal."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from conftest import kill_after_load, query, run_command
from helpers.exporting import asset, label
from helpers.quick import Model, Quick
from helpers.scanning import places

from pipelines import preflight
from pipelines.kili import batch as batches
from pipelines.kili.people import Pseudonyms
from pipelines.settings import BadSetting, Settings

KEY = "a secret of the test"
HIDDEN = Pseudonyms(KEY)
ID, EMAIL, NAME = "canaryid7xq", "Canary.Seven@example.com", "Karin Kanarievogel"
ANSWER = {"T": {"text": f"asked {EMAIL.lower()}, not {ID}s"}, "K": {"categories": [{"name": "CAR"}]}}
PERSON = {"id": ID, "email": EMAIL, "name": NAME, "firstname": "Karin", "team": {"lead": [EMAIL, 7]}}


def record(**more: Any) -> dict[str, Any]:
    by_canary = label(ANSWER, author=PERSON)
    return asset("a1", by_canary, label(), jsonMetadata={f"by {ID}": [EMAIL]}, content=f"s3://{EMAIL}/1", **more)


def read(value: Any) -> batches.Batch:
    """The rows of a record, read with pseudonyms."""
    batch = batches.Batch(pseudonyms=HIDDEN)
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    batch.add([batches.RecordText(None, "/0", "a1", False, None, None, raw)])
    return batch


def test_a_pseudonym_is_a_keyed_hash_that_shows_no_part_of_the_value() -> None:
    assert HIDDEN.of(ID) == "person-02972875f269a2dadf4a9ee094cbf051"
    assert HIDDEN.of(EMAIL) == HIDDEN.of(EMAIL.lower()) != HIDDEN.of(ID)
    assert Pseudonyms("another secret of it").of(ID) != HIDDEN.of(ID)
    assert KEY not in repr(HIDDEN)


def test_every_value_of_an_author_and_their_ids_and_emails_in_other_texts_are_replaced() -> None:
    the_id, email = HIDDEN.of(ID), HIDDEN.of(EMAIL)
    replaced = HIDDEN.asset(record())
    assert replaced["labels"][0]["author"] == {
        "id": the_id,
        "email": email,
        "name": HIDDEN.of(NAME),
        "firstname": HIDDEN.of("Karin"),
        "team": {"lead": [email, HIDDEN.of("7")]},
    }
    assert replaced["labels"][0]["jsonResponse"] == ANSWER | {"T": {"text": f"asked {email}, not {ID}s"}}
    assert (replaced["jsonMetadata"], replaced["content"]) == ({f"by {the_id}": [email]}, f"s3://{email}/1")
    assert (replaced["id"], replaced["labels"][0]["createdAt"]) == ("a1", "2026-01-01T10:00:00.000Z")


def test_a_reject_of_a_record_holds_neither_its_text_nor_its_people() -> None:
    broken = label(author=PERSON, createdAt=None)
    found = [
        *read(asset("a1", broken, label(), externalId=f"{EMAIL}.jpg")).rejects,
        *read(json.dumps(record()).encode()[:-1] + b', "x": NaN, "externalId": "' + ID.encode() + b'"}').rejects,
    ]
    assert [reject["raw"] for reject in found] == [None, None]
    assert [reject["external_id"] for reject in found] == [f"{HIDDEN.of(EMAIL)}.jpg", HIDDEN.of(ID)]
    assert not any(value in str(found) for value in (ID, EMAIL, NAME))


@pytest.mark.parametrize(
    ("first", "second", "error"),
    [
        ({"is_pseudonymised": True, "pseudonym_key": KEY}, {"is_pseudonymised": True, "pseudonym_key": KEY}, None),
        (
            {"is_pseudonymised": True, "pseudonym_key": KEY},
            {"is_pseudonymised": True, "pseudonym_key": f"{KEY} too"},
            "KILI_PSEUDONYM_KEY is not the key with which the warehouse {} was made",
        ),
        (
            {"is_pseudonymised": True, "pseudonym_key": KEY},
            {},
            "the warehouse {} was made with pseudonyms: set KILI_PSEUDONYMISE to true, or load into another warehouse",
        ),
        (
            {},
            {"is_pseudonymised": True, "pseudonym_key": KEY},
            "the warehouse {} was made without pseudonyms: set KILI_PSEUDONYMISE to false, or load into another "
            "warehouse",
        ),
    ],
)
def test_a_run_with_another_choice_or_key_is_refused(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any], error: str | None
) -> None:
    preflight.check(_prepared(tmp_path, first))
    Quick(tmp_path / "work", [])._create()
    if error is None:
        preflight.check(_prepared(tmp_path, second))
    else:
        with pytest.raises(BadSetting) as refused:
            preflight.check(_prepared(tmp_path, second))
        assert str(refused.value) == error.format(tmp_path)
    assert places(tmp_path, KEY) == set()


def _prepared(folder: Path, values: dict[str, Any]) -> Settings:
    settings = Settings(warehouse=folder, **values)
    settings.prepare_work()
    return settings


def test_a_run_without_a_key_is_refused_before_it_starts(tmp_path: Path) -> None:
    ran = run_command("run", "--exports", tmp_path, "--warehouse", tmp_path / "wh", KILI_PSEUDONYMISE="true")
    assert (ran.status, "KILI_PSEUDONYM_KEY must be a secret text of at least 16 characters" in ran.err) == (2, True)


def test_marts_with_pseudonyms_are_equal_up_to_the_names_of_people(tmp_path: Path, models: list[Model]) -> None:
    file = tmp_path / "export.json"
    people = [{"id": name, "email": f"{name}@example.com"} for name in ("anna-1", "bert-2")]
    answers = [{"K": {"categories": [{"name": name}]}} for name in ("CAR", "BUS")]
    file.write_text(
        json.dumps(
            [
                asset(
                    f"a{number}",
                    label(answers[0], author=people[0]),
                    label(answers[number % 2], author=people[1], labelType="REVIEW", createdAt="2026-01-02T10:00:00Z"),
                )
                for number in range(4)
            ]
        )
    )
    plain, hidden = Quick(tmp_path / "plain", models), Quick(tmp_path / "hidden", models, pseudonyms=HIDDEN)
    plain.load(file)
    hidden.load(file)
    names = {value: HIDDEN.of(value) for person in people for value in person.values()}
    wanted, found = plain.marts(), hidden.marts()
    for mart in wanted:
        assert _without_keys(found[mart]) == _without_keys(wanted[mart], names), mart
    assert not any(value in str(found) for value in names)


def _without_keys(rows: list[tuple[Any, ...]], names: dict[str, str] | None = None) -> Counter[str]:
    """The rows with hashes left out and people renamed."""
    named = names or {}

    def shown(value: Any) -> str:
        is_key = isinstance(value, str) and len(value) == 32 and not set(value) - set("0123456789abcdef")
        return "" if is_key else str(named.get(value, value) if isinstance(value, str) else value)

    return Counter("|".join(map(shown, row)) for row in rows)


def test_no_file_of_a_warehouse_with_pseudonyms_names_a_person(tmp_path: Path) -> None:
    exports, warehouse = tmp_path / "exports", tmp_path / "warehouse"
    exports.mkdir()
    broken = label(author=PERSON, createdAt=None)
    (exports / "one.json").write_text(json.dumps([record(), asset("a2", broken, label(ANSWER, author=PERSON))]))
    settings = {"KILI_PSEUDONYMISE": "true", "KILI_PSEUDONYM_KEY": KEY}
    kill_after_load("run", "--exports", exports, "--warehouse", warehouse, **settings)
    assert (warehouse / "work" / "warehouse.duckdb").exists()
    assert places(warehouse, f" {ID},", f"by {ID}", f'{ID}"', EMAIL, NAME, KEY) == set()
    ran = run_command("run", "--exports", exports, "--warehouse", warehouse, "--json", **settings)
    assert (ran.status, ran.facts["reject_count"]) == (0, 1), ran.err
    assert {row["author_id"] for row in query(warehouse, "select author_id from marts.labels")} == {
        HIDDEN.of(ID),
        HIDDEN.of("u1"),
    }
    assert places(warehouse, f" {ID},", f"by {ID}", f'{ID}"', EMAIL, NAME, KEY) == set()
    again = run_command("run", "--exports", exports, "--warehouse", warehouse)
    assert again.status == 2
