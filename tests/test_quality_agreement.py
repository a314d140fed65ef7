"""The marts of agreement, row by row, compared with the contract in plain Python on generated exports."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from conftest import query
from helpers import agreement_oracle as oracle
from helpers import exporting, ratings
from helpers.quality_oracle import Row
from helpers.quick import Model, Quick
from helpers.ratings import Label

MARTS: dict[str, tuple[tuple[str, ...], Callable[[list[Label]], list[Row]]]] = {
    "agreement": (("project_id", "job_name", "week"), oracle.agreement),
    "agreement_pairs": (("project_id", "job_name", "annotator_id", "other_annotator_id"), oracle.agreement_pairs),
    "consensus": (("asset_id", "job_name"), oracle.consensus),
}


@pytest.fixture(scope="module")
def labels() -> list[Label]:
    return [*ratings.labels(1, "p1", 60), *ratings.labels(2, None, 14), *ratings.labels(3, "few", 5)]


@pytest.fixture(scope="module")
def folder(labels: list[Label], models: list[Model], tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("agreement")
    quick = Quick(made, models)
    for project_id in ("p1", None, "few"):
        some = [label for label in labels if label.project_id == project_id]
        quick.load(exporting.written(made / f"{project_id}.json", list(ratings.exported(some))))
    quick.marts()
    return made


def as_number(value: Any) -> Any:
    return pytest.approx(float(value), abs=1e-9) if isinstance(value, float | Fraction) else value


@pytest.mark.parametrize("mart", MARTS)
def test_a_mart_equals_the_contracts_definition(folder: Path, labels: list[Label], mart: str) -> None:
    keys, reckon = MARTS[mart]
    reckoned = sorted(reckon(labels), key=lambda row: [str(row[key]) for key in keys])
    found = sorted(query(folder, f"select * from marts.{mart}"), key=lambda row: [str(row[key]) for key in keys])
    named = [{name: value for name, value in row.items() if not _is_of_the_model(name)} for row in found]
    assert named == [{name: as_number(row[name]) for name in named[0]} for row in reckoned]
    assert len(found) > 50


def _is_of_the_model(name: str) -> bool:
    return name.startswith("dawid_skene") or name == "iteration_count"


def test_the_generated_labels_reach_every_reason(folder: Path) -> None:
    reasons = {
        ("agreement", "agreement_share_reason"): {oracle.NO_UNIT},
        ("agreement", "alpha_reason"): {oracle.NO_UNIT, "one_category_only"},
        ("agreement", "alpha_interval_reason"): {
            *(oracle.NO_UNIT, "one_category_only", "too_few_units", "one_unit_decides", "no_disagreement")
        },
        ("agreement", "ac1_interval_reason"): {oracle.NO_UNIT, "one_category_only", "too_few_units", "no_disagreement"},
        ("agreement", "fleiss_kappa_reason"): {oracle.NO_UNIT, "one_category_only"},
        ("agreement_pairs", "kappa_reason"): {
            *("whole_label", "not_classification", "nothing_scored", "one_category_only")
        },
        ("consensus", "majority_reason"): {"tie"},
        ("consensus", "dawid_skene_reason"): {"one_category_only"},
    }
    for (mart, column), expected in reasons.items():
        rows = query(folder, f"select distinct {column} as reason from marts.{mart}")
        assert {row["reason"] for row in rows} == {None, *expected}, column
