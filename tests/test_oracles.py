"""The marts' statistics equal those of other packages, on random labels.

The packages bring pandas along, so they live in an environment of their own.
"""

import json
import random
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from conftest import ROOT
from helpers import exporting, ratings
from helpers.quick import Model, Quick
from helpers.ratings import Rating

PYTHON = ROOT / ".venv-oracles" / "bin" / "python"
CATEGORIES = ("FERRY", "TUG", "BARGE", "YACHT")
SHARES = {
    "annotators": {"acceptance_share": ("accepted_count", "reviewed_count")},
    "annotator_weeks": {"acceptance_share": ("accepted_count", "reviewed_count")},
    "reviewers": {"acceptance_share": ("accepted_count", "judged_count")},
    "reviewer_weeks": {"acceptance_share": ("accepted_count", "judged_count")},
    "first_pass_yield": {"first_pass_share": ("passed_count", "judged_count")},
    "category_quality": {
        "precision_share": ("match_count", "chosen_count"),
        "recall_share": ("match_count", "support_count"),
    },
    "model_vs_human": {
        "accepted_share": ("accepted_count", "judged_count"),
        "upheld_share": ("upheld_count", "reviewed_count"),
    },
}
"""The shares of each mart with their intervals: of which count, of how many."""

Row = dict[str, Any]
Question = tuple[Any, ...]


def ask(questions: list[Question]) -> list[Any]:
    """The answers of `helpers/oracles.py`, all in one process."""
    assert PYTHON.exists(), "`make .venv-oracles/.ready` sets up the environment of the oracles"
    command = [PYTHON, ROOT / "tests" / "helpers" / "oracles.py"]
    ran = subprocess.run(command, input=json.dumps(questions), capture_output=True, text=True, check=True)
    answers: list[Any] = json.loads(ran.stdout)
    return answers


def work(project: str, annotators: int, reviewers: int, count: int) -> Iterator[Row]:
    """Pictures of which each was predicted, labelled and reviewed once, in ways drawn at random."""
    rng = random.Random(count)
    for number in range(count):
        predicted, chosen, reviewed = rng.sample(CATEGORIES, 3)
        if rng.random() < 0.6:
            reviewed = chosen
        yield {
            "project": project,
            "asset": f"{project}-{number}",
            "annotator": f"annotator-{rng.randrange(annotators)}",
            "reviewer": f"reviewer-{rng.randrange(reviewers)}",
            "model": f"model-{rng.randrange(2)}",
            "predicted": chosen if rng.random() < 0.5 else predicted,
            "chosen": chosen,
            "reviewed": reviewed,
            "is_sent_back": rng.random() < 0.2,
            "seconds": round(rng.lognormvariate(4, 1), 3),
            "labelled_at": datetime(2026, 1, 5) + timedelta(hours=number, milliseconds=rng.randrange(1000)),
            "hours": rng.randrange(1, 10**8) / 3.6e6,
        }


def exported(row: Row) -> Row:
    """The picture as Kili exports it."""
    at = row["labelled_at"]

    def label(label_type: str, author: str, category: str, made: datetime, **more: Any) -> Row:
        answer = {"KIND": {"categories": [{"name": category}]}}
        stamp = made.isoformat(timespec="milliseconds") + "Z"
        return exporting.label(answer, author={"id": author}, labelType=label_type, createdAt=stamp, **more)

    return exporting.asset(
        row["asset"],
        label("PREDICTION", "robot", row["predicted"], at - timedelta(hours=1), modelName=row["model"]),
        label(
            *("DEFAULT", row["annotator"], row["chosen"], at),
            secondsToLabel=row["seconds"],
            isSentBackToQueue=row["is_sent_back"],
        ),
        label("REVIEW", row["reviewer"], row["reviewed"], at + timedelta(hours=row["hours"])),
        projectId=row["project"],
    )


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """A project of several people, and one of one annotator and two reviewers."""
    return [*work("harbour", 4, 3, 400), *work("lock", 1, 2, 120)]


@pytest.fixture(scope="module")
def marts(rows: list[Row], models: list[Model], tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    """The marts that hold statistics, as rows by column name."""
    folder = tmp_path_factory.mktemp("oracles")
    quick = Quick(folder, models)
    quick.load(exporting.written(folder / "export.json", [exported(row) for row in rows]))
    quick.marts()
    return {
        mart: [json.loads(text) for (text,) in quick.ask(f"select to_json(m) from marts.{mart} as m")]
        for mart in SHARES
    }


def by(rows: list[Row], *keys: str) -> dict[tuple[Any, ...], list[Row]]:
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(row[key] for key in keys)].append(row)
    return groups


def test_the_intervals_of_shares_equal_statsmodels(marts: dict[str, list[Row]]) -> None:
    found, questions = [], []
    for mart, shares in SHARES.items():
        for share, (part, whole) in shares.items():
            for row in marts[mart]:
                if row[whole]:
                    found.append([row[f"{share}_low"], row[f"{share}_high"]])
                    questions.append(("wilson", row[part], row[whole]))
                else:
                    assert row[f"{share}_low"] is row[f"{share}_high"] is None
    assert len(found) > 100
    assert found == [pytest.approx(limits, abs=1e-9) for limits in ask(questions)]


def test_precision_recall_and_f1_equal_scikit_learn(rows: list[Row], marts: dict[str, list[Row]]) -> None:
    people, projects = by(rows, "project", "annotator"), by(rows, "project")
    found, questions = [], []
    for row in marts["category_quality"]:
        project, person = (row["project_id"],), (row["project_id"], row["annotator_id"])
        judged = projects[project] if row["scope"] == "project" else people[person]
        lists = ([label["chosen"] for label in judged], [label["reviewed"] for label in judged])
        questions.append(("quality", *lists, row["category"]))
        found.append([row["precision_share"], row["recall_share"], row["f1"]])
    assert len(found) == len(CATEGORIES) * (len(people) + len(projects))
    assert found == [pytest.approx(values, abs=1e-9) for values in ask(questions)]


def test_percentiles_equal_numpy(rows: list[Row], marts: dict[str, list[Row]]) -> None:
    found, questions = [], []
    for row in marts["annotators"]:
        own = by(rows, "project", "annotator")[row["project_id"], row["annotator_id"]]
        questions.append(("percentiles", [label["seconds"] for label in own], 0.5, 0.9))
        found.append([row["median_seconds"], row["p90_seconds"]])
    for row in marts["reviewers"]:
        own = by(rows, "project", "reviewer")[row["project_id"], row["reviewer_id"]]
        questions.append(("percentiles", [label["hours"] for label in own], 0.5, 0.9))
        found.append([row["median_hours_to_review"], row["p90_hours_to_review"]])
    assert len(found) == 5 + 5
    assert found == [pytest.approx(values, abs=1e-9) for values in ask(questions)]


def test_strictness_on_one_annotators_work_is_the_difference_of_two_shares(marts: dict[str, list[Row]]) -> None:
    both = [row for row in marts["reviewers"] if row["project_id"] == "lock"]
    found, questions = [], []
    for row, other in (both, both[::-1]):
        counts = [(one["judged_count"] - one["accepted_count"], one["judged_count"]) for one in (row, other)]
        questions.append(("newcombe", *counts[0], *counts[1]))
        found.append([row["strictness_low"], row["strictness_high"]])
        assert row["strictness"] == pytest.approx(counts[0][0] / counts[0][1] - counts[1][0] / counts[1][1], abs=1e-9)
    assert found == [pytest.approx(limits, abs=1e-9) for limits in ask(questions)]


@pytest.fixture(scope="module")
def given() -> list[Rating]:
    """Ratings with some missing, of projects small and large; a job that has one category, and one with many ties."""
    labels = [*ratings.labels(11, "large", 80), *ratings.labels(12, "small", 12)]
    return ratings.ratings(labels)


@pytest.fixture(scope="module")
def agreed(models: list[Model], tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    """The marts of agreement over these ratings."""
    folder = tmp_path_factory.mktemp("agreed")
    quick = Quick(folder, models)
    labels = [*ratings.labels(11, "large", 80), *ratings.labels(12, "small", 12)]
    quick.load(exporting.written(folder / "export.json", list(ratings.exported(labels))))
    quick.marts()
    return {
        mart: [json.loads(text) for (text,) in quick.ask(f"select to_json(m) from marts.{mart} as m")]
        for mart in ("agreement", "agreement_pairs", "consensus")
    }


def units_of(given: list[Rating], row: Row) -> list[list[Rating]]:
    """The units of a row of the marts of agreement: the ratings of each asset that has two or more."""
    of_job = [one for one in given if (one.project_id, one.job_name) == (row["project_id"], row["job_name"])]
    units: defaultdict[str, list[Rating]] = defaultdict(list)
    for one in of_job:
        units[one.asset_id].append(one)
    found = [unit for unit in units.values() if len(unit) > 1]
    if row.get("week"):
        found = [unit for unit in found if str(max(unit, key=lambda one: one.created_at).week) == row["week"]]
    return found


def same(found: list[float | None], expected: list[float | None]) -> bool:
    """Numbers equal within 1e-9, and null where the other is."""
    return found == [value if value is None else pytest.approx(value, abs=1e-9) for value in expected]


def test_alpha_equals_krippendorff(given: list[Rating], agreed: dict[str, list[Row]]) -> None:
    found, questions = [], []
    for row in agreed["agreement"]:
        if units := units_of(given, row):
            rated = [{one.annotator_id: one.rating for one in unit} for unit in units]
            questions.append(("alpha", [[unit.get(name) for unit in rated] for name in ratings.ANNOTATORS]))
            found.append(row["alpha"])
    assert same(found, ask(questions))
    assert len(found) > 40
    assert None in found


def test_fleiss_kappa_equals_statsmodels(given: list[Rating], agreed: dict[str, list[Row]]) -> None:
    found, questions = [], []
    for row in agreed["agreement"]:
        if units := [unit for unit in units_of(given, row) if len(unit) == row["fleiss_rating_count"]]:
            assert len(units) == row["fleiss_unit_count"]
            votes = [Counter(one.rating for one in unit) for unit in units]
            names = sorted(set().union(*votes))
            questions.append(("fleiss", [[unit[name] for name in names] for unit in votes]))
            found.append(row["fleiss_kappa"])
    assert same(found, ask(questions))
    assert len(found) > 40
    assert None in found


def test_cohens_kappa_equals_scikit_learn(given: list[Rating], agreed: dict[str, list[Row]]) -> None:
    by_person = {(one.job_name, one.asset_id, one.annotator_id): one for one in given}
    found, questions = [], []
    for row in agreed["agreement_pairs"]:
        if row["rating_count"]:
            own = [one for one in given if one.annotator_id == row["annotator_id"]]
            pairs = [
                (one.rating, other.rating)
                for one in own
                if (one.project_id, one.job_name) == (row["project_id"], row["job_name"])
                and (other := by_person.get((one.job_name, one.asset_id, row["other_annotator_id"])))
            ]
            assert len(pairs) == row["rating_count"]
            questions.append(("cohen", *map(list, zip(*pairs, strict=True))))
            found.append(row["cohen_kappa"])
    assert same(found, ask(questions))
    assert len(found) > 100
    assert None in found


def test_the_dawid_skene_model_equals_crowd_kit(given: list[Rating], agreed: dict[str, list[Row]]) -> None:
    jobs = by([row for row in agreed["consensus"] if row["dawid_skene_value"]], "project_id", "job_name")
    questions = []
    for rows in jobs.values():
        rated = [one for unit in units_of(given, rows[0]) for one in unit]
        lists = zip(*((one.asset_id, one.annotator_id, one.rating) for one in rated), strict=True)
        questions.append(("dawid_skene", *map(list, lists), rows[0]["iteration_count"]))
    for rows, answer in zip(jobs.values(), ask(questions), strict=True):
        assert {row["asset_id"] for row in rows} == set(answer)
        for row in rows:
            probabilities = answer[row["asset_id"]]
            assert row["dawid_skene_confidence"] == pytest.approx(max(probabilities.values()), abs=1e-6)
            assert probabilities[row["dawid_skene_value"]] == pytest.approx(max(probabilities.values()), abs=1e-6)
    assert len(jobs) == 8
    assert max(rows[0]["iteration_count"] for rows in jobs.values()) > 10
