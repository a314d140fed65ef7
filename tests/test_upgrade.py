"""Warehouses written by older code: the current code builds the same marts as a fresh load."""

import tarfile
from pathlib import Path

from conftest import dump, load, query
from helpers.quick import Model, Quick

from pipelines.landing import discovery

TESTS = Path(__file__).parent
OLD = TESTS / "old_warehouses"


def old_warehouse(name: str, folder: Path) -> Path:
    with tarfile.open(OLD / f"{name}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder


def fresh_marts(exports: Path, folder: Path, models: list[Model]) -> dict[str, list[tuple[object, ...]]]:
    quick = Quick(folder, models)
    quick.load(*[Path(found.path) for found in discovery.find(str(exports), folder)])
    return quick.marts()


def test_what_older_code_loaded_is_read_flattened_and_compared_again(tmp_path: Path, models: list[Model]) -> None:
    warehouse = old_warehouse("cases", tmp_path / "warehouse")
    load(warehouse, TESTS / "cases")
    assert dump(warehouse) == fresh_marts(TESTS / "cases", tmp_path / "fresh", models)


def test_dates_that_older_code_stored_out_of_range_are_left_out(tmp_path: Path, models: list[Model]) -> None:
    """Their export is deleted, so it cannot be read again. Another export is loaded as well."""
    warehouse = old_warehouse("dates", tmp_path / "warehouse")
    exports = tmp_path / "exports"
    exports.mkdir()
    (exports / "later.json").write_bytes((TESTS / "cases" / "c37_nothing_labelled_yet" / "assets.json").read_bytes())
    load(warehouse, exports)
    (exports / "dates.json").write_bytes((OLD / "dates.json").read_bytes())
    assert dump(warehouse) == fresh_marts(exports, tmp_path / "fresh", models)
    dated = query(warehouse, "select as_of::varchar as as_of from kili.exports where file_url like '%dates.json'")
    assert dated == [{"as_of": "2025-03-03 10:00:00+00"}]
