"""The samples' made-up project: a script writes its exports, and docs/questions.md finds its story in the marts."""

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import ROOT, SAMPLES, query
from helpers.quick import Model, Quick
from helpers.story import cast, exports, project

SHIPPED = sorted(SAMPLES.glob("harbour_*.zip"))
PAGE = (ROOT / "docs" / "questions.md").read_text()
QUESTIONS = re.findall(r"^## ([^\n]+)\n[^#]*?```sql\n(.*?)\n```\n\n```text\n(.*?)\n```", PAGE, re.DOTALL | re.MULTILINE)
Answers = dict[str, list[dict[str, Any]]]


def entries(path: Path) -> list[tuple[str, tuple[int, ...], int, bytes]]:
    """The content of a zip, without the compressed bytes, which depend on the version of zlib."""
    with zipfile.ZipFile(path) as archive:
        return [(one.filename, one.date_time, one.external_attr, archive.read(one)) for one in archive.infolist()]


def assets(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        return {asset["id"]: asset for asset in json.loads(archive.read("data.json"))}


def test_the_script_writes_the_exports_that_the_samples_hold(tmp_path: Path) -> None:
    exports.write(tmp_path)
    written = sorted(tmp_path.iterdir())
    assert [path.name for path in written] == [path.name for path in SHIPPED]
    assert [entries(path) for path in written] == [entries(path) for path in SHIPPED]


def test_the_script_writes_the_same_bytes_again(tmp_path: Path) -> None:
    for name in ("once", "again"):
        (tmp_path / name).mkdir()
        exports.write(tmp_path / name)
    once, again = ([path.read_bytes() for path in sorted((tmp_path / name).iterdir())] for name in ("once", "again"))
    assert len(once) == cast.EXPORTS
    assert once == again


def test_a_later_export_has_more_labels_changed_states_and_every_earlier_label() -> None:
    for earlier, later in zip(map(assets, SHIPPED), map(assets, SHIPPED[1:]), strict=False):
        assert earlier.keys() < later.keys()
        before = {label["id"] for asset in earlier.values() for label in asset["labels"]}
        after = {label["id"] for asset in later.values() for label in asset["labels"]}
        assert before < after
        changed = {key for key, asset in earlier.items() if asset["status"] != later[key]["status"]}
        assert len(changed) > 40


def test_people_work_on_weekdays_in_office_hours() -> None:
    labels = [label for asset in assets(SHIPPED[-1]).values() for label in asset["labels"]]
    times = {label["createdAt"][11:16] for label in labels}
    assert "08:00" <= min(times) <= max(times) <= "18:00"
    work = [label for label in labels if label["labelType"] != "PREDICTION"]
    assert all(3 < label["secondsToLabel"] < 900 for label in work)


@pytest.fixture(scope="module")
def answers(samples: Path) -> Answers:
    """The rows that answer each question of docs/questions.md, from the warehouse of the samples."""
    return {question: query(samples, sql) for question, sql, _ in QUESTIONS}


def test_the_results_shown_are_those_of_the_samples(samples: Path) -> None:
    assert len(QUESTIONS) == PAGE.count("```sql")
    with duckdb.connect(str(samples / "warehouse.duckdb"), read_only=True) as warehouse:
        assert [str(warehouse.sql(sql)).strip() for _, sql, _ in QUESTIONS] == [shown for _, _, shown in QUESTIONS]


def test_the_annotators_whose_labels_do_not_hold_up_are_found(answers: Answers) -> None:
    rows = answers["Whose labels do not hold up?"]
    assert [row["annotator_id"] for row in rows[:2]] == [cast.VIKTOR.id, cast.TOM.id]
    assert max(row["high"] for row in rows[:2]) < min(row["low"] for row in rows[3:])
    assert min(rows, key=lambda row: row["honeypot_score"])["annotator_id"] == cast.VIKTOR.id


def test_the_annotator_whose_work_is_often_sent_back_is_found(answers: Answers) -> None:
    first, *others = answers["Whose work is sent back, and is it right at the second attempt?"]
    assert first["annotator_id"] == cast.VIKTOR.id
    assert first["sent_back"] > sum(row["sent_back"] for row in others)
    assert first["accepted_at_second"] > first["reworked"] / 2


def test_the_confused_categories_and_who_confuses_them_are_found(answers: Answers) -> None:
    first, second, *_ = answers["Which categories are confused, and by whom?"]
    confused = (first["annotator_id"], first["reviewers_chose"], first["category"])
    assert confused == (cast.TOM.id, *cast.CONFUSED)
    assert first["times"] > 5 * second["times"]


def test_the_strict_reviewer_is_found(answers: Answers) -> None:
    strict, *_, lenient = answers["Which reviewer is stricter than the others?"]
    assert (strict["reviewer_id"], lenient["reviewer_id"]) == (cast.HENRIK.id, cast.GRACE.id)
    assert strict["low"] > 0 > lenient["high"]


def test_the_annotator_who_gets_faster_is_found(answers: Answers) -> None:
    first, *others = answers["Who gets faster?"]
    assert first["annotator_id"] == cast.MEI.id
    assert first["ratio"] < 0.5
    assert all(0.9 < row["ratio"] < 1.15 for row in others)


def test_the_second_model_is_found_better(answers: Answers) -> None:
    first, second = answers["Is the new model better?"]
    assert (first["model_name"], second["model_name"]) == tuple(model.name for model in cast.MODELS.values())
    assert first["high"] < second["low"]
    assert first["edits_per_label"] > second["edits_per_label"]
    assert first["upheld"] < second["upheld"]


def test_the_honeypot_with_a_wrong_truth_is_found(answers: Answers) -> None:
    rows = answers["Which assets should somebody look at again?"]
    played = project.Project()
    assert list(played.weeks())
    honeypots = [asset for asset in played.assets if asset.role == "honeypot"]
    wrong = [f"{asset.number:04}.jpg" for asset in honeypots if asset.labels[0].answer != asset.truth]
    assert [row["external_id"][-8:] for row in rows if row["reasons"] == "doubtful_truth"] == wrong


def test_the_marts_are_the_same_when_the_exports_come_in_another_order(models: list[Model], tmp_path: Path) -> None:
    together, apart = Quick(tmp_path / "together", models), Quick(tmp_path / "apart", models)
    together.load(*SHIPPED)
    for path in reversed(SHIPPED):
        apart.load(path)
    expected, found = together.marts(), apart.marts()
    assert {mart: rows for mart, rows in found.items() if rows != expected[mart]} == {}
    assert [mart for mart, rows in expected.items() if not rows] == ["score_reconciliation"], "Kili gave no marks"
