"""dbt's own unit tests, one for every window, case and join that can fan out; and what they cannot reach."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import duckdb
from conftest import dump, load, query

from pipelines import transform


def test_the_unit_tests_of_the_models_pass(samples: Path, tmp_path: Path) -> None:
    database = tmp_path / "warehouse.duckdb"
    shutil.copy(samples / "work" / "warehouse.duckdb", database)
    command = [str(transform.DBT), "test", "--select", "test_type:unit", "--project-dir", str(transform.PROJECT)]
    variables = os.environ | transform.environment(database) | {"DBT_LOG_PATH": str(tmp_path)}
    ran = subprocess.run(
        [*command, "--target-path", str(tmp_path)], env=variables, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout
    results = json.loads((tmp_path / "run_results.json").read_text())["results"]
    assert len(results) >= 27


def export(folder: Path, name: str, hour: int, assets: list[dict[str, Any]]) -> Path:
    """A folder as Kili's client writes it, unpacked: README with the export's date, and data.json."""
    made = folder / name
    made.mkdir()
    (made / "README.kili.txt").write_text(f"- Project identifier: p1\n- Export date: 20240501-{hour:02}0000\n")
    (made / "data.json").write_text(json.dumps(assets))
    return made


def asset(asset_id: str, *answers: str, **more: Any) -> dict[str, Any]:
    labels = [
        {
            "author": {"id": "ana"},
            "labelType": "DEFAULT",
            "createdAt": f"2024-04-01T00:00:0{number}Z",
            "jsonResponse": {"KIND": {"categories": [{"name": answer}]}} if answer else {},
        }
        for number, answer in enumerate(answers)
    ]
    return {"id": asset_id, "labels": labels, **more}


def test_loading_one_by_one_in_any_order_equals_a_full_rebuild(tmp_path: Path) -> None:
    """A on Monday, B on Tuesday, A on Wednesday; an answer that vanishes, one that turns empty; an asset that goes."""
    exports = {
        "A": export(tmp_path, "A", 1, [asset("x", "CAR", "BUS"), asset("y", "CAR"), asset("z", "CAR", status="TODO")]),
        "B": export(tmp_path, "B", 2, [asset("x", "CAR", "TRUCK"), asset("y", ""), asset("w", "CAR")]),
        "C": export(tmp_path, "C", 3, [asset("x", "CAR", "BUS"), asset("w", "BUS")]),
        "D": export(tmp_path, "D", 4, [asset("z", "CAR", status="LABELED", externalId="z.jpg")]),
    }
    warehouse = tmp_path / "warehouse"
    for name in "CADB":
        load(warehouse, exports[name])
    step_by_step = dump(warehouse)
    at_once = tmp_path / "at_once"
    load(at_once, tmp_path / "[ABCD]")
    assert step_by_step == dump(at_once)
    chosen = query(
        warehouse,
        """select labels.asset_id, category, is_response_carried_over
        from marts.labels join marts.annotations using (label_key) order by all""",
    )
    assert [tuple(row.values()) for row in chosen] == [
        ("w", "BUS", False),
        ("x", "BUS", False),
        ("x", "CAR", False),
        ("y", "CAR", True),
        ("z", "CAR", False),
    ]
    with duckdb.connect(str(warehouse / "work" / "warehouse.duckdb"), read_only=True) as db:
        assert db.sql("select count(*) from kili.assets").fetchall() == [(8,)]
