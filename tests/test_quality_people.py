"""The marts of people, row by row, compared with the contract in plain Python on generated exports."""

import gzip
import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest
from helpers import people_oracle, quality_oracle
from helpers.quick import Model, Quick

START = datetime(2024, 1, 5, 20, tzinfo=UTC)  # a Friday evening: the labels span four weeks
ANNOTATORS, REVIEWERS = ["ana", "bob", "cyd"], ["rex", "roy", "ana"]
MAYBE = (None, None, True, False)


def answer(chance: random.Random) -> dict[str, Any] | None:
    """Mostly one category of two, at times two, none, or no answer."""
    names = chance.choice([["A"], ["A"], ["A"], ["B"], ["B"], ["A", "B"], ["A", "C"], [], None])
    if names is None:
        return None
    return {"KIND": {"categories": [{"name": name} for name in names]}} if names else {}


def label(chance: random.Random, label_type: str, people: list[str], minute: int) -> dict[str, Any]:
    author = chance.choice([*people, *people, *people, None])
    email = None if author in ("cyd", None) else f"{author}{chance.randint(1, 2)}@example.com"
    return {
        "author": {"id": author, "email": chance.choice([email, None])} if author else None,
        "labelType": label_type,
        "createdAt": (START + timedelta(minutes=minute)).isoformat(),
        "jsonResponse": answer(chance),
        "skipped": chance.choice((*MAYBE[:2], *MAYBE)),
        "isSentBackToQueue": chance.choice(MAYBE) if label_type == "DEFAULT" else None,
        "secondsToLabel": chance.choice([None, -1, 0, 12.5, 40, 1800, 4000]),
        "modelName": "m" if label_type in ("PREDICTION", "INFERENCE") else None,
    }


def asset(chance: random.Random, number: int, project_id: str | None) -> dict[str, Any]:
    is_honeypot = chance.choice([*MAYBE, None, None])
    kinds = [("DEFAULT", chance.sample(ANNOTATORS, chance.randint(1, 3)))] * 4 + [("REVIEW", REVIEWERS)] * 3
    kinds += [("PREDICTION", ["bot"]), ("INFERENCE", ["bot"]), ("AUTOSAVE", ANNOTATORS)]
    minutes = sorted(chance.sample(range(60 * 24 * 21), chance.randint(0, 9)))
    labels = [label(chance, *chance.choice(kinds), minute) for minute in minutes]
    for one in labels:
        if is_honeypot and one["labelType"] in ("DEFAULT", "REVIEW"):
            one["isHoneypot"] = chance.choice(MAYBE)
    return {
        "id": f"{project_id} {number}",
        "externalId": f"{number}.jpg",
        "projectId": project_id,
        "isHoneypot": is_honeypot,
        "isUsedForConsensus": chance.choice(MAYBE),
        "labels": labels,
    }


@pytest.fixture(scope="module")
def assets() -> list[dict[str, Any]]:
    chance = random.Random(17)
    found = [asset(chance, number, project_id) for project_id in (None, "p1") for number in range(60)]
    dan = [label(chance, "DEFAULT", ["dan"], 1), label(chance, "REVIEW", ["rex"], 2)]
    dan[0] |= {"author": {"id": "dan"}, "jsonResponse": None}  # reviewed, and not to be compared
    # A project whose export carries no flag, no seconds and no reviewer but one, as SDK archives do.
    bare = [asset(chance, number, "bare") for number in range(12)]
    bare.append(asset(chance, 12, "bare") | {"isHoneypot": False, "labels": dan})
    for one in (label for asset in bare for label in asset["labels"]):
        one |= dict.fromkeys(("skipped", "isSentBackToQueue", "secondsToLabel", "isHoneypot"))
        if one["labelType"] == "REVIEW":
            one["author"] = {"id": "rex"}
    return found + bare


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory, models: list[Model], assets: list[dict[str, Any]]) -> Quick:
    folder = tmp_path_factory.mktemp("people")
    quick = Quick(folder / "w", models)
    for project_id in (None, "p1", "bare"):
        path = folder / f"{project_id}.json.gz"
        path.write_bytes(gzip.compress(json.dumps([a for a in assets if a["projectId"] == project_id]).encode()))
        quick.load(path)
    quick.marts()
    return quick


@pytest.fixture(scope="module")
def expected(warehouse: Quick, assets: list[dict[str, Any]]) -> people_oracle.Project:
    keys = {
        (asset_id, created_at): key
        for key, asset_id, created_at in warehouse.ask("select label_key, asset_id, created_at from marts.labels")
    }
    labels = []
    for asset in assets:
        for one in asset["labels"]:
            at = datetime.fromisoformat(one["createdAt"])
            author, said = one["author"] or {}, one["jsonResponse"]
            labels.append(
                quality_oracle.Label(
                    key=keys[asset["id"], at],
                    asset_id=asset["id"],
                    project_id=asset["projectId"],
                    external_id=asset["externalId"],
                    asset_is_honeypot=asset["isHoneypot"],
                    is_used_for_consensus=asset["isUsedForConsensus"],
                    label_type=one["labelType"],
                    author_id=author.get("id"),
                    email=author.get("email"),
                    created_at=at,
                    skipped=one["skipped"],
                    sent_back=one["isSentBackToQueue"],
                    is_honeypot=one.get("isHoneypot"),
                    seconds=one["secondsToLabel"],
                    categories=None
                    if said is None
                    else frozenset(chosen["name"] for job in said.values() for chosen in job["categories"]),
                )
            )
    return people_oracle.Project(labels)


def rows(quick: Quick, mart: str) -> list[dict[str, Any]]:
    with duckdb.connect(str(quick.database), read_only=True) as db:
        db.execute("set TimeZone = 'UTC'")
        found = db.execute(f"select * from marts.{mart}")
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def in_order(found: list[dict[str, Any]], keys: tuple[str, ...]) -> list[dict[str, Any]]:
    """Rows by their key, columns by name, numbers equal within 1e-9."""
    ordered = sorted(found, key=lambda row: [str(row[key]) for key in keys])
    return [
        {name: pytest.approx(v, abs=1e-9) if isinstance(v := row[name], float) else v for name in sorted(row)}
        for row in ordered
    ]


@pytest.mark.parametrize(
    ("mart", "keys", "count"),
    [
        ("label_outcomes", ("label_key",), 150),
        ("annotators", ("project_id", "annotator_id"), 9),
        ("annotator_weeks", ("project_id", "annotator_id", "week"), 20),
        ("reviewers", ("project_id", "reviewer_id"), 7),
        ("reviewer_weeks", ("project_id", "reviewer_id", "week"), 15),
        ("first_pass_yield", ("project_id", "annotator_id", "week"), 15),
    ],
)
def test_a_mart_equals_the_contracts_definition(
    warehouse: Quick, expected: people_oracle.Project, mart: str, keys: tuple[str, ...], count: int
) -> None:
    reckoned = {
        "label_outcomes": expected.label_outcomes,
        "annotators": lambda: expected.annotators(by_week=False),
        "annotator_weeks": lambda: expected.annotators(by_week=True),
        "reviewers": lambda: expected.reviewers(by_week=False),
        "reviewer_weeks": lambda: expected.reviewers(by_week=True),
        "first_pass_yield": expected.first_pass_yield,
    }[mart]()
    found = sorted(rows(warehouse, mart), key=lambda row: [str(row[key]) for key in keys])
    assert [dict(sorted(row.items())) for row in found] == in_order(reckoned, keys)
    assert len(found) >= count


def test_the_generated_labels_reach_every_case(warehouse: Quick) -> None:
    outcomes = warehouse.ask("select distinct outcome from marts.label_outcomes")
    assert len(outcomes) == 8
    possible, found = set(), set()
    for mart in ("annotators", "annotator_weeks", "reviewers", "reviewer_weeks", "first_pass_yield"):
        for row in rows(warehouse, mart):
            reasons = {name for name in row if name.endswith("_reason")}
            possible |= reasons
            found |= {name for name in reasons if row[name]}
    assert found == possible
    assert len(found) == 15
    (reworked, seconds, again) = warehouse.ask(
        """select (select sum(accepted_at_second_count) from marts.first_pass_yield),
            (select count(*) from marts.annotator_weeks where sent_back_count is null),
            (select sum(reviewed_again_count) from marts.reviewers)"""
    )[0]
    assert min(reworked, seconds, again) > 0
