"""The metrics of the dbt project, asked by MetricFlow, are those of the marts for each group.

MetricFlow lives in an environment of its own, with a dbt of its own.
"""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, query
from helpers.quick import Mean

from pipelines import settings
from pipelines.transform import metrics

BIN = ROOT / ".venv-metrics" / "bin"
PAGE = (ROOT / "docs" / "metrics.md").read_text()
COLUMNS = {
    "project": "coalesce(project_id, '')",
    "annotator": "annotator_id",
    "reviewer": "reviewer_id",
    "model": "model_name",
    "metric_time__day": "day",
    "metric_time__week": "week",
    "agreement__job_name": "job_name",
    "agreement__scope": "scope",
}
"""SQL of each group from a mart."""

WORK = {
    "labels": "sum(label_count)",
    "accepted_labels": "sum(accepted_count)",
    "reviewed_labels": "sum(reviewed_count)",
    "acceptance_share": "sum(accepted_count) / nullif(sum(reviewed_count), 0)",
    "review_score": "sum(review_score * scored_count) / nullif(sum(scored_count), 0)",
    "total_seconds": "sum(total_seconds)",
    "capped_seconds": "sum(capped_seconds)",
}
MEDIAN = {"median_seconds": "any_value(median_seconds)"}
FIRST_ATTEMPTS = {
    "passed_first_attempts": "sum(passed_count)",
    "judged_first_attempts": "sum(judged_count)",
    "first_pass_share": "sum(passed_count) / nullif(sum(judged_count), 0)",
}
REVIEWS = {
    "reviews": "sum(review_count - unpaired_count)",
    "edits": "sum(edit_count)",
    "compared_reviews": "sum(compared_count)",
    "edits_per_label": "sum(edit_count) / nullif(sum(compared_count), 0)",
}
MODELS = {
    "accepted_model_labels": "sum(accepted_count)",
    "judged_model_labels": "sum(judged_count)",
    "accepted_share": "sum(accepted_count) / nullif(sum(judged_count), 0)",
}
STOCKS = {
    "waiting_assets": "sum(waiting_count)",
    "labelled_assets": "sum(labelled_count)",
    "reviewed_assets": "sum(reviewed_count)",
}
SINGLE = "case when count(*) = 1 then any_value({}) end"
AGREEMENT = {name: SINGLE.format(name) for name in ("agreement_share", "alpha", "fleiss_kappa", "ac1")}
STRICTNESS = {"strictness": SINGLE.format("strictness")}
WEEK = "metric_time__week"
LAST_DAYS = "(select * from marts.days qualify day = max(day) over (partition by project_id))"
LAST_DAYS_OF_WEEKS = """(select *, date_trunc('week', day) as week from marts.days
    qualify day = max(day) over (partition by project_id, date_trunc('week', day)))"""
JOBS = ("project", "agreement__job_name", "agreement__scope", WEEK)

Case = tuple[dict[str, str], str, tuple[str, ...]]
CASES: list[Case] = [
    *((WORK, "marts.annotator_weeks", by) for by in (("project",), ("annotator",), (WEEK,))),
    *((WORK | MEDIAN, "marts.annotator_weeks", ("project", "annotator", WEEK)),),
    *((WORK | MEDIAN, "marts.annotators", ("project", "annotator")),),
    *((FIRST_ATTEMPTS, "marts.first_pass_yield", by) for by in (("project",), ("annotator",), (WEEK,))),
    *((FIRST_ATTEMPTS, "marts.first_pass_yield", ("project", "annotator", WEEK)),),
    *((REVIEWS, "marts.reviewer_weeks", by) for by in (("project",), ("reviewer",), (WEEK,))),
    *((REVIEWS, "marts.reviewer_weeks", ("project", "reviewer", WEEK)),),
    *((MODELS, "marts.model_vs_human", by) for by in (("project",), ("model",), ("project", "model"))),
    (STOCKS, "marts.days", ("project", "metric_time__day")),
    (STOCKS, LAST_DAYS_OF_WEEKS, ("project", WEEK)),
    (STOCKS, LAST_DAYS, ("project",)),
    *((AGREEMENT, "marts.agreement", by) for by in (JOBS, JOBS[:3], JOBS[:2], JOBS[:1])),
    *((STRICTNESS, "marts.reviewers", by) for by in (("project", "reviewer"), ("project",), ("reviewer",))),
]
"""Metrics with SQL of the same from a mart, the mart, and the groups."""


def ask(folder: Path, questions: list[tuple[list[str], list[str]]]) -> list[list[tuple[Any, ...]]]:
    """The rows of each list of metrics and groups; all in one process."""
    assert BIN.exists(), "`make .venv-metrics/.ready` sets up the environment of MetricFlow"
    command = [BIN / "python", ROOT / "tests" / "helpers" / "metric_answers.py"]
    ran = subprocess.run(command, cwd=folder, input=json.dumps(questions), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return [[tuple(row) for row in rows] for rows in json.loads(ran.stdout)]


def sorted_rows(groups: tuple[str, ...], rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The rows with dates as text and numbers as `Mean`, in the order of their groups."""
    count = len(groups)
    found = [(*map(group, row[:count]), *map(number, row[count:])) for row in rows]
    return sorted(found, key=lambda row: [str(value) for value in row[:count]])


def group(value: Any) -> str | None:
    text = None if value is None else str(value)
    return text[:10] if text and text[4:5] == "-" else text


def number(value: Any) -> Mean | None:
    return None if value is None else Mean(float(value))


@pytest.fixture(scope="module")
def folder(samples: Path) -> Path:
    return metrics.prepare(settings.from_environment().at("x", samples))


@pytest.fixture(scope="module")
def asked(folder: Path) -> list[list[tuple[Any, ...]]]:
    return ask(folder, [([*named], [*groups]) for named, _, groups in CASES])


@pytest.mark.parametrize("place", range(len(CASES)), ids=["-".join([*[*named][:1], *by]) for named, _, by in CASES])
def test_metrics_are_those_of_the_mart(asked: list[list[tuple[Any, ...]]], samples: Path, place: int) -> None:
    named, mart, groups = CASES[place]
    columns = ", ".join(COLUMNS[name] for name in groups)
    measured = ", ".join(f"{sql} as {name}" for name, sql in named.items())
    rows = query(samples, f"select {columns}, {measured} from {mart} group by {columns}")
    assert rows
    assert sorted_rows(groups, asked[place]) == sorted_rows(groups, [tuple(row.values()) for row in rows])


@pytest.fixture(scope="module")
def manifest(samples: Path) -> dict[str, Any]:
    return json.loads((samples / "work" / "dbt" / "manifest.json").read_text())


def upstream(manifest: dict[str, Any], exposure: str) -> set[str]:
    return {name.rpartition(".")[2] for name in manifest["exposures"][exposure]["depends_on"]["nodes"]}


def test_every_metric_is_tested_and_named_by_its_exposure(manifest: dict[str, Any]) -> None:
    tested = {name for named, _, _ in CASES for name in named}
    derived = [metric for metric in manifest["metrics"].values() if metric["type"] == "derived"]
    parts = {part["name"] for metric in derived for part in metric["type_params"]["metrics"]}
    assert tested == {metric["name"] for metric in manifest["metrics"].values()} - parts
    assert upstream(manifest, "exposure.kili_warehouse.metrics") == tested


def test_the_exposure_of_the_published_file_names_every_mart(manifest: dict[str, Any]) -> None:
    marts = {node["name"] for node in manifest["nodes"].values() if node["schema"] == "marts" and "alias" in node}
    assert upstream(manifest, "exposure.kili_warehouse.published_file") == marts


def test_the_tables_shown_are_those_of_the_samples(folder: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    default = [re.search(rf"^{name} \?= (.+)$", makefile, re.MULTILINE)[1] for name in ("METRICS", "BY")]
    chosen = re.findall(r"^\$ make metrics METRICS=(\S+) BY=(\S+)$", PAGE, re.MULTILINE)
    shown = re.findall(r"^```text\n(.*?)\n```$", PAGE, re.DOTALL | re.MULTILINE)
    for (named, groups), table in zip([default, *chosen], shown, strict=True):
        command = [BIN / "mf", "query", "--quiet", "--metrics", named, "--group-by", groups, "--order", groups]
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
        assert ran.stdout.rstrip("\n") == table


def test_a_query_leaves_the_published_file_as_it_was(folder: Path, samples: Path) -> None:
    before = (samples / "warehouse.duckdb").read_bytes()
    ask(folder, [(["labels"], ["project"])])
    assert (samples / "warehouse.duckdb").read_bytes() == before
