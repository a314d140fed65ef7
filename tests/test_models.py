"""dbt's unit tests (every window, case and join that can fan out), and tests of what they cannot cover."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import duckdb
from conftest import dump, load, query
from helpers.quick import Model, Quick

from pipelines.transform import project


def test_the_unit_tests_and_the_tests_of_intermediate_models_pass(samples: Path, tmp_path: Path) -> None:
    database = tmp_path / "warehouse.duckdb"
    shutil.copy(samples / "work" / "warehouse.duckdb", database)
    selected = ("test_type:unit", "kili_warehouse.intermediate,resource_type:test")  # a run leaves them out
    command = [str(project.DBT), "test", "--select", *selected, "--project-dir", str(project.PROJECT)]
    variables = os.environ | project.environment(database) | {"DBT_LOG_PATH": str(tmp_path)}
    ran = subprocess.run(
        [*command, "--target-path", str(tmp_path)], env=variables, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout
    results = json.loads((tmp_path / "run_results.json").read_text())["results"]
    assert len(results) >= 130


def export(folder: Path, name: str, hour: int, assets: list[dict[str, Any]]) -> Path:
    """A folder as Kili's client writes it, unpacked: README with the export's date, and data.json."""
    made = folder / name
    made.mkdir()
    (made / "README.kili.txt").write_text(f"- Project identifier: p1\n- Export date: 20240501-{hour:02}0000\n")
    (made / "data.json").write_text(json.dumps(assets))
    return made


def label(answer: str, second: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "author": {"id": "ana"},
        "labelType": "DEFAULT",
        "createdAt": f"2024-04-01T00:00:0{second}Z",
        "jsonResponse": {"KIND": {"categories": [{"name": answer}]}} if answer else {},
        **more,
    }


def asset(asset_id: str, *answers: str, **more: Any) -> dict[str, Any]:
    labels = [label(answer, number) for number, answer in enumerate(answers)]
    return {"id": asset_id, "labels": labels, **more}


def shown(asset_id: str, *labels: dict[str, Any]) -> dict[str, Any]:
    return {"id": asset_id, "labels": list(labels)}


BOB, CYD, REX = ({"email": f"{name}@example.com"} for name in ("Bob", "Cyd", "Rex"))


def test_loading_one_by_one_in_any_order_equals_a_full_rebuild(tmp_path: Path, models: list[Model]) -> None:
    """A on Monday, B on Tuesday, A on Wednesday; an answer that vanishes, one that turns empty; an asset that goes.

    Bob's id comes after the label that has his e-mail, with an export of another asset; Cyd's comes before. Rex has
    none. Label L has an id of its author in some exports only, and its answer under one key, then the other. The label
    of z turns out to be the truth of a honeypot, which is nobody's work.
    """
    review = label("BUS", 5, author=REX, labelType="REVIEW")
    exports = {
        "A": export(
            tmp_path,
            "A",
            1,
            [
                *(asset("x", "CAR", "BUS"), asset("y", "CAR"), asset("z", "CAR", status="TODO")),
                shown("bob", label("CAR", author=BOB), review),
                shown("one", label("CAR", author=BOB, id="L"), review),
            ],
        ),
        "B": export(
            tmp_path,
            "B",
            2,
            [
                *(asset("x", "CAR", "TRUCK"), asset("y", ""), asset("w", "CAR")),
                shown("one", label("CAR", author=BOB | {"id": "old"}, id="L")),
                shown("cyd", label("CAR", author=CYD), review),
            ],
        ),
        "C": export(
            tmp_path,
            "C",
            3,
            [*(asset("x", "CAR", "BUS"), asset("w", "BUS")), shown("q", label("CAR", author={**CYD, "id": "cyd"}))],
        ),
        "D": export(
            tmp_path,
            "D",
            4,
            [
                shown("z", label("CAR", isHoneypot=True)) | {"status": "LABELED", "externalId": "z.jpg"},
                shown("one", label("", author=BOB | {"id": "bob"}, id="L")),
            ],
        ),
    }
    warehouse = tmp_path / "warehouse"
    for name in "CADB":
        load(warehouse, exports[name])
    step_by_step = dump(warehouse)
    at_once = Quick(tmp_path / "at_once", models)
    at_once.load(*exports.values())
    assert step_by_step == at_once.marts()
    assert {row[1] for row in step_by_step["label_outcomes"]} == {"bob", "one", "cyd", "q", "w", "x", "y"}
    chosen = query(
        warehouse,
        """select labels.asset_id, category, is_response_carried_over
        from marts.labels join marts.annotations using (label_key) order by all""",
    )
    assert [tuple(row.values()) for row in chosen] == [
        ("bob", "BUS", False),
        ("bob", "CAR", False),
        ("cyd", "BUS", False),
        ("cyd", "CAR", False),
        ("one", "BUS", False),
        ("one", "CAR", True),
        ("q", "CAR", False),
        ("w", "BUS", False),
        ("x", "BUS", False),
        ("x", "CAR", False),
        ("y", "CAR", True),
        ("z", "CAR", False),
    ]
    reviewed = query(
        warehouse,
        """select asset_id, annotator_id, reviewer_id, edit
        from marts.review_vs_default join marts.review_edits using (asset_id, review_label_key, default_label_key)
        order by all""",
    )
    assert [tuple(row.values()) for row in reviewed] == [
        ("bob", "bob", "rex@example.com", "relabelled"),
        ("cyd", "cyd", "rex@example.com", "relabelled"),
        ("one", "bob", "rex@example.com", "relabelled"),
    ]
    assert "@example.com" not in (warehouse / "site" / "index.html").read_text(), "pages show no e-mail"
    with duckdb.connect(str(warehouse / "work" / "warehouse.duckdb"), read_only=True) as db:
        assert db.sql("select count(*) from kili.assets").fetchall() == [(14,)]
