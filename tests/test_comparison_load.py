"""The load of schema `comparison`: only pairs that the method has not compared, in a real warehouse."""

from pathlib import Path

import duckdb
import pytest
from conftest import SAMPLES, query

from pipelines import settings
from pipelines.comparison import load, pending_pairs
from pipelines.publishing import release
from pipelines.settings import Settings
from pipelines.transform import project


@pytest.fixture
def copied(warehouse: Path) -> Settings:
    """The warehouse of the samples, to be written to."""
    return settings.from_environment().at(str(SAMPLES), warehouse)


def rows(chosen: Settings, table: str) -> list[dict[str, object]]:
    return query(chosen.work, f"select * exclude (_dlt_load_id) from comparison.{table} order by all")


def test_compared_pairs_are_not_compared_again(copied: Settings) -> None:
    assert load.load(copied).load_id is None


def test_another_method_compares_all_pairs_and_only_it_is_published(copied: Settings) -> None:
    before = rows(copied, "pairs")
    digest = project.models_digest()
    assert release.is_current(copied.warehouse, copied.database, digest)
    loaded = load.load(copied.model_copy(update={"relabel_iou": 0.7}))
    assert (loaded.new_row_counts["methods"], loaded.new_row_counts["pairs"]) == (1, len(before))
    assert rows(copied, "pairs") != before
    assert not release.is_current(copied.warehouse, copied.database, digest)
    back = load.load(copied)
    assert (back.new_row_counts["methods"], back.new_row_counts["pairs"]) == (1, 0)


def test_an_unfinished_comparison_is_repeated(copied: Settings) -> None:
    before = {table: rows(copied, table) for table in ("pairs", "jobs", "edits", "methods", "dawid_skene")}
    with duckdb.connect(str(copied.database)) as db:
        db.execute("delete from comparison._dlt_loads")
    assert load.load(copied).new_row_counts == {table: len(found) for table, found in before.items()} | {"methods": 1}
    assert {table: rows(copied, table) for table in before} == before


def test_batches_of_any_size_give_the_same_results(copied: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {table: rows(copied, table) for table in ("pairs", "jobs", "edits")}
    monkeypatch.setattr(pending_pairs, "ANNOTATIONS_PER_BATCH", 4)
    with duckdb.connect(str(copied.database)) as db:
        db.execute("delete from comparison._dlt_loads")
    load.load(copied)
    assert {table: rows(copied, table) for table in before} == before
