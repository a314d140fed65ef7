"""The Dawid-Skene model, and when it is fitted. test_oracles.py compares its numbers with crowd-kit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import exporting, ratings
from helpers.quick import Model, Quick, Rows
from helpers.ratings import Label

from pipelines.comparison import dawid_skene

KEYS = "select distinct project_id, job_name, ratings_hash from comparison.dawid_skene order by all"


def test_an_annotator_who_is_often_wrong_has_less_weight() -> None:
    """The last of three annotators answers at random. The other two differ in unit 0."""
    rng = np.random.default_rng(0)
    truth = np.arange(90) % 3
    answers = np.stack([truth, np.where(rng.random(90) < 0.9, truth, 2 - truth), rng.integers(0, 3, 90)], axis=1)
    answers[0] = [0, 1, 1]
    unit, annotator = np.divmod(np.arange(270), 3)
    fit = dawid_skene.fit(unit, annotator, answers.ravel())
    assert fit.value.tolist() == truth.tolist()
    assert fit.confidence.min() > 0.9
    assert 1 < fit.iteration_count < 200


def test_ties_of_probability_go_to_the_least_value() -> None:
    fit = dawid_skene.fit(np.array([0, 0]), np.array([0, 1]), np.array([1, 0]))
    assert (fit.value.tolist(), fit.confidence.tolist(), fit.iteration_count) == ([0], [0.5], 1)


def test_the_fit_ends_after_200_iterations() -> None:
    rng = np.random.default_rng(8)
    unit, annotator = np.divmod(np.arange(3000), 3)
    fit = dawid_skene.fit(unit, annotator, rng.integers(0, 12, 3000))
    assert fit.iteration_count == 200


@pytest.fixture(scope="module")
def labels() -> list[Label]:
    return [*ratings.labels(4, None, 40), *ratings.labels(5, "p1", 30)]


def written(folder: Path, name: str, labels: list[Label]) -> Path:
    return exporting.written(folder / f"{name}.json", list(ratings.exported(labels)))


def fits(quick: Quick) -> Rows:
    return quick.ask("select * exclude (_dlt_load_id) from comparison.dawid_skene order by all")


def test_fits_are_equal_bit_for_bit_whatever_the_order_of_loads(
    tmp_path: Path, models: list[Model], labels: list[Label]
) -> None:
    parts = [
        written(
            tmp_path,
            f"{project_id} {digits}",
            [one for one in labels if one.project_id == project_id and one.asset_id[-1] in digits],
        )
        for project_id in (None, "p1")
        for digits in ("02468", "13579")
    ]
    found = []
    for name, order in (("as they are", parts), ("reversed", parts[::-1])):
        quick = Quick(tmp_path / name, models)
        for path in order:
            quick.load(path)
        quick.marts()
        found.append(fits(quick))
    assert found[0] == found[1]
    assert len(found[0]) > 100


def test_only_jobs_with_changed_ratings_are_fitted_again(
    tmp_path: Path, models: list[Model], labels: list[Label]
) -> None:
    quick = Quick(tmp_path / "w", models)
    for project_id in (None, "p1"):
        quick.load(written(tmp_path, str(project_id), [one for one in labels if one.project_id == project_id]))
    quick.marts()
    before, keys = fits(quick), quick.ask(KEYS)
    jobs = [(project_id, job) for project_id in ("p1", None) for job in ("COLOUR", "DECIDES", "EQUAL", "KIND")]
    assert [key[:2] for key in keys] == jobs
    quick.marts()
    assert fits(quick) == before
    rated = next(one for one in ratings.latest(labels) if one.answer.get("COLOUR") == ("red",) and one.project_id)
    changed = replace(
        rated, created_at=rated.created_at.replace(year=2027), answer=rated.answer | {"COLOUR": ("blue",)}
    )
    quick.load(written(tmp_path, "changed", [changed]))
    quick.marts()
    assert {key[:2] for key in set(quick.ask(KEYS)) - set(keys)} == {("p1", "COLOUR")}
    assert set(before) < set(fits(quick))
