"""The marts as of a time: equal to those of a warehouse that never loaded anything later."""

import os
import pickle
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import pytest
from conftest import made_once
from helpers.quick import Model, Quick, compile_models
from hypothesis import given
from hypothesis import strategies as st
from test_promises import SLOW, exports, write

from pipelines.transform import project

TIME = datetime(2024, 1, 1, 2, 30, tzinfo=UTC)
"""Between the dates 01:00, 02:00 and 03:00 of exports, and before the labels of two days of three."""


@pytest.fixture(scope="module")
def models_as_of(tmp_path_factory: pytest.TempPathFactory) -> list[Model]:
    """The dbt models as of `TIME`, compiled once."""

    def make(folder: Path) -> None:
        duckdb.connect(str(folder / "origin.duckdb")).close()
        with mock.patch.dict(os.environ, {project.ORIGIN_VARIABLE: str(folder / "origin.duckdb")}):
            found = compile_models(folder, "--target", project.AS_OF_TARGET, "--vars", f"as_of: '{TIME.isoformat()}'")
        (folder / "models.pickle").write_bytes(pickle.dumps(found))

    shared = made_once(tmp_path_factory, "compiled_as_of", make)
    found: list[Model] = pickle.loads((shared / "models.pickle").read_bytes())
    return found


def moment(label: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(label["createdAt"])


def dated(export: dict[str, Any]) -> datetime | None:
    """The date of an export: the README's, else that of its newest label; null without one."""
    if export["hour"] is not None:
        return datetime(2024, 1, 1, export["hour"], tzinfo=UTC)
    return max((moment(label) for asset in export["assets"] for label in labels_of(asset)), default=None)


def labels_of(asset: dict[str, Any]) -> list[dict[str, Any]]:
    held = [asset["latestLabel"]] if "latestLabel" in asset else asset.get("labels", asset.get("latestLabels"))
    return [label for label in held if label]


def cut(asset: dict[str, Any]) -> dict[str, Any]:
    """An asset without the labels created after `TIME`."""
    left = {
        key: [label for label in asset[key] if label is None or moment(label) <= TIME]
        for key in ("labels", "latestLabels")
        if key in asset
    }
    if asset.get("latestLabel") and moment(asset["latestLabel"]) > TIME:
        left["latestLabel"] = None
    return asset | left


@SLOW
@given(
    found=st.lists(exports(), min_size=1, max_size=5, unique_by=lambda export: export["hour"] or id(export)),
    is_compared_before=st.booleans(),
)
def test_all_marts_are_those_of_a_warehouse_that_never_loaded_anything_later(
    found: list[dict[str, Any]], is_compared_before: bool, models: list[Model], models_as_of: list[Model]
) -> None:
    """READMEs of one date are left out: the hash of the whole asset, with its later labels, would break their tie."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        live, earlier = Quick(folder / "live", models), Quick(folder / "earlier", models)
        for number, export in enumerate(found):
            live.load(write(export, folder, f"e{number}"))
            if is_compared_before:
                live.marts()
        live.marts()
        early = [
            one | {"assets": [*map(cut, one["assets"])]}
            for one in found
            if (dated(one) or datetime.max.replace(tzinfo=UTC)) <= TIME
        ]
        (folder / "cut").mkdir()
        earlier.load(*[write(export, folder / "cut", f"e{number}") for number, export in enumerate(early)])
        as_of = Quick(folder / "as_of", models_as_of, live.database)
        assert as_of.marts() == earlier.marts()
