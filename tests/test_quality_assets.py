"""The marts about assets, categories, models and days: complete rows, compared with the contract in plain Python."""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest
from helpers import assets_oracle as oracle
from helpers.labels_oracle import Answer, Asset, Label, Row
from helpers.quick import Model, Quick
from hypothesis import given, settings
from hypothesis import strategies as st

KINDS = ("CAR", "BUS", "VAN")
TYPES = ("DEFAULT", "REVIEW", "PREDICTION", "INFERENCE", "AUTOSAVE")
BEGINNING = datetime(2024, 5, 1, tzinfo=UTC)
EXPORTED = (BEGINNING + timedelta(days=2), BEGINNING + timedelta(days=5), BEGINNING + timedelta(days=6))
MARTS: dict[str, tuple[int, Callable[[list[Asset]], list[Row]]]] = {
    "category_quality": (5, oracle.category_quality),
    "model_vs_human": (3, oracle.model_vs_human),
    "days": (2, oracle.days),
    "asset_quality": (1, oracle.asset_quality),
}
"""The number of first columns that are a mart's key, and the function that computes its rows."""


def answer(rng: random.Random) -> Answer | None:
    kinds = rng.choices(((), ("CAR",), ("BUS",), ("VAN",), ("CAR", "BUS")), (1, 8, 3, 1, 1))[0]
    found = Answer(frozenset(kinds), rng.choice((None, 0.5, 1.0)))
    return None if rng.random() < 0.05 else found


def label(rng: random.Random, minute: int) -> Label:
    label_type = rng.choices(TYPES, (8, 5, 4, 2, 1))[0]
    authors = {"DEFAULT": ("ann", "bob", "cyd", "dan", None), "REVIEW": ("rex", "roy", "ann", None)}
    return Label(
        key=str(minute),
        type=label_type,
        author=rng.choice(authors.get(label_type, ("bot",))),
        at=BEGINNING + timedelta(minutes=minute),
        answer=answer(rng),
        model=rng.choice(("one", "two", None)) if label_type in ("PREDICTION", "INFERENCE") else None,
        is_skipped=rng.choices((None, False, True), (6, 6, 1))[0],
        is_sent_back=rng.choices((None, False, True), (4, 4, 2))[0],
        is_truth=rng.choices((None, False, True), (20, 5, 1))[0],
    )


def asset(rng: random.Random, number: int) -> Asset:
    minutes = sorted(rng.sample(range(4 * 24 * 60), rng.choice((0, 1, 3, 6, 12, 16))))
    made = Asset(
        id=f"a{number:02}",
        project=rng.choice(("p1", "p2", None)),
        status=rng.choice((None, "LABELED")),
        is_honeypot=rng.choice((None, False, True)),
        is_used_for_consensus=rng.choices((None, True, False), (2, 3, 1))[0],
        known_at=[rng.choice(EXPORTED[:2])],
        every_label=[label(rng, minute) for minute in minutes],
    )
    for one in made.every_label:
        one.is_carried_over = bool(one.answer and one.answer.annotation_count) and rng.random() < 0.1
    if rng.random() < 0.3:
        made.known_at.append(BEGINNING + timedelta(days=rng.randint(-3, 5)))
    return made


def said(found: Answer | None) -> dict[str, Any] | None:
    if found is None:
        return None
    corners = [{"x": x, "y": y} for x, y in ((0, 0), (0, 1), (found.width, 1), (found.width, 0))]
    box = {"type": "rectangle", "categories": [{"name": "CAR"}], "boundingPoly": [{"normalizedVertices": corners}]}
    kinds = {"KIND": {"categories": [{"name": kind} for kind in sorted(found.kinds)]}} if found.kinds else {}
    return kinds | ({"BOX": {"annotations": [{"mid": "m"} | box]}} if found.width else {})


def exported(one: Label, number: int) -> dict[str, Any]:
    """A label in an export. In the last export, some answers are empty as after a failed download."""
    return {
        "author": {"id": one.author} if one.author else None,
        "labelType": one.type,
        "createdAt": one.at.isoformat(),
        "jsonResponse": {} if one.is_carried_over and number == 2 else said(one.answer),
        "modelName": one.model,
        "skipped": one.is_skipped,
        "isSentBackToQueue": one.is_sent_back if number else None,
        "isHoneypot": one.is_truth,
    }


def export(folder: Path, number: int, assets: list[Asset]) -> Path:
    """A folder as Kili's client writes it. An export without a project id is a separate project."""
    made = folder / f"{number} {len(list(folder.iterdir()))}"
    made.mkdir()
    (made / "README.kili.txt").write_text(f"- Export date: {EXPORTED[number]:%Y%m%d-%H%M%S}\n")
    rows = [
        {
            "id": one.id,
            "projectId": one.project,
            "externalId": f"{one.id}.jpg",
            "status": one.status,
            "isHoneypot": one.is_honeypot,
            "isUsedForConsensus": one.is_used_for_consensus,
            "createdAt": one.known_at[1].isoformat() if one.known_at[1:] else None,
            "labels": [exported(each, number) for each in one.every_label if each.at < EXPORTED[number]],
        }
        for one in assets
        if one.known_at[0] <= EXPORTED[number]
    ]
    (made / "data.json").write_text(json.dumps(rows))
    return made


def in_order(rows: list[Row], key_width: int) -> list[Row]:
    return sorted(rows, key=lambda row: repr(row[:key_width]))


def cases(rows: list[Row]) -> set[str]:
    """The reasons that at least one asset has."""
    return {name for row in rows for name in (row[-2] or "").split(", ") if name}


REASONS = {
    *("sent_back", "disagreement", "doubtful_truth", "against_majority", "empty_answer", "rework"),
    "reviewers_differ",
}


@pytest.mark.parametrize("seed", range(2))
def test_every_row_of_random_exports_equals_the_contracts_definition(
    tmp_path: Path, models: list[Model], seed: int
) -> None:
    """Three exports of growing assets with every type of label, flags set and unset, two projects and none."""
    rng = random.Random(seed)
    assets = [asset(rng, number) for number in range(120)]
    quick = Quick(tmp_path / "warehouse", models)
    for number in (1, 0, 2):
        for is_of_project in (True, False):
            quick.load(export(tmp_path, number, [one for one in assets if bool(one.project) == is_of_project]))
    marts = quick.marts()
    assert cases(marts["asset_quality"]) == REASONS
    for mart, (key_width, reckon) in MARTS.items():
        assert in_order(marts[mart], key_width) == in_order(reckon(assets), key_width), mart


HOURS = st.integers(-30, 80).map(lambda hour: BEGINNING + timedelta(hours=hour))
EVENTS = st.builds(
    Label,
    key=st.uuids().map(str),
    type=st.sampled_from(TYPES),
    author=st.sampled_from(("ann", "bob", None)),
    at=HOURS,
    answer=st.none(),
    is_skipped=st.sampled_from((None, None, False, True)),
    is_sent_back=st.sampled_from((None, False, True)),
    is_truth=st.sampled_from((None, None, False, True)),
)
HISTORIES = st.lists(
    st.builds(
        Asset,
        id=st.uuids().map(str),
        project=st.sampled_from(("p1", None)),
        status=st.none(),
        is_honeypot=st.none(),
        is_used_for_consensus=st.none(),
        known_at=st.lists(HOURS, min_size=1, max_size=2),
        every_label=st.lists(EVENTS, max_size=8),
    ),
    max_size=6,
)


def days_of(assets: list[Asset], models: list[Model]) -> list[Row]:
    """The rows of marts.days by dbt's SQL alone, from rows of the models that it reads."""
    sql = {model.address: model.sql for model in models}
    with duckdb.connect() as db:
        db.execute(
            "attach ':memory:' as warehouse; use warehouse; create schema intermediate; set TimeZone = 'Asia/Tokyo'"
        )
        db.execute(
            """create table intermediate.current_assets
            (asset_id varchar, project_id varchar, created_at timestamptz, first_seen_as_of timestamptz);
            create table intermediate.label_roles (asset_id varchar, project_id varchar, label_role varchar,
            label_type varchar, author_id varchar, created_at timestamptz, skipped boolean,
            is_sent_back_to_queue boolean);
            create view intermediate.asset_state_hashes as
            select asset_id, 'state' as state_hash from intermediate.current_assets"""
        )
        for one in assets:
            known = (*one.known_at, None)[:2]
            db.execute("insert into intermediate.current_assets values (?, ?, ?, ?)", [one.id, one.project, *known])
            for each in one.labels:
                row = [one.id, one.project, each.role, each.type, each.author, each.at, each.is_skipped]
                db.execute(
                    "insert into intermediate.label_roles values (?, ?, ?, ?, ?, ?, ?, ?)", [*row, each.is_sent_back]
                )
        db.execute(f"create table intermediate.asset_days as {sql['intermediate.asset_days']}")
        return db.execute(sql["marts.days"]).fetchall()


@settings(max_examples=60, deadline=None)
@given(HISTORIES)
def test_state_counts_are_those_of_known_assets_at_the_end_of_each_day(
    models: list[Model], assets: list[Asset]
) -> None:
    """In any time zone of the session, also for labels with equal times."""
    rows = in_order(days_of(assets, models), 2)
    assert rows == in_order(oracle.days(assets), 2)
    for project in {row[0] for row in rows}:
        stocks = [(0,) * 9, *(row[-9:] for row in rows if row[0] == project)]
        for before, after in pairwise(stocks):
            assert [after[n] for n in (0, 3, 6)] == [before[n] + after[n + 1] - after[n + 2] for n in (0, 3, 6)]
        came = sum(sum(after[n + 1] - after[n + 2] for n in (0, 3, 6)) for after in stocks)
        assert came == len([one for one in assets if one.project == project])
