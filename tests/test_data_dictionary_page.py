"""site/docs/: the page that traces columns to the JSON paths of an export, and back; dbt's own docs."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from conftest import ROOT

from pipelines.kili import records
from pipelines.publishing import column_origins, data_dictionary_page
from pipelines.publishing.column_origins import Column, Table
from pipelines.transform.lineage import Source

LABEL = "$[*].labels[*]"


class Page(HTMLParser):
    """The ids of a page, and of each table row with an id the ids that it links to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: dict[str, set[str]] = {}
        self.tags: set[str] = set()
        self._row = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.add(tag)
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if tag == "tr":
            self._row = found.get("id") or ""
        if tag == "a":
            target = str(found["href"])
            assert target.startswith("#")
            self.links.setdefault(self._row, set()).add(target[1:])


@pytest.fixture(scope="module")
def page(samples: Path) -> Page:
    return Page((samples / "site" / "docs" / "index.html").read_text())


@pytest.fixture(scope="module")
def columns(samples: Path) -> dict[Source, Column]:
    tables = column_origins.tables_of(samples / "work" / "warehouse.duckdb", samples / "work" / "dbt")
    return {column.address: column for table in tables for column in table.columns}


def test_every_link_leads_to_a_place_in_the_page(page: Page) -> None:
    assert len(page.ids) == len(set(page.ids))
    assert {target for targets in page.links.values() for target in targets} <= set(page.ids)


def test_links_lead_both_ways(page: Page, columns: dict[Source, Column]) -> None:
    for column in columns.values():
        address = ".".join(column.address)
        for source in column.sources:
            assert ".".join(source) in page.links[address]
            assert address in page.links[".".join(source)]
        for path in column.paths:
            assert path in page.links[address]
            assert column.address.schema != "marts" or address in page.links[path]


@pytest.mark.parametrize(
    ("address", "paths"),
    [
        (Source("marts", "assets", "external_id"), {"$[*].externalId"}),
        (Source("marts", "assets", "consensus_mark"), {"$[*].consensusMark"}),
        (Source("marts", "labels", "author_email"), {f"{LABEL}.author.email"}),
        (Source("marts", "labels", "created_at"), {f"{LABEL}.createdAt"}),
        (Source("marts", "labels", "json_response"), {f"{LABEL}.jsonResponse"}),
        (Source("marts", "annotations", "mid"), {f"{LABEL}.jsonResponse.*.annotations[*].mid"}),
        (Source("marts", "label_outcomes", "seconds_to_label"), {f"{LABEL}.secondsToLabel"}),
        (Source("marts", "review_vs_default", "score"), {f"{LABEL}.jsonResponse"}),
    ],
    ids=str,
)
def test_columns_come_from_these_paths(columns: dict[Source, Column], address: Source, paths: set[str]) -> None:
    assert set(columns[address].paths) == paths


def test_every_column_of_a_mart_but_counts_and_constants_has_sources(columns: dict[Source, Column]) -> None:
    silent = {address for address, column in columns.items() if address.schema == "marts" and not column.sources}
    unexplained = {one for one in silent if not re.search(r"(_count|_reason|scope|mark)$", one.column)}
    assert unexplained == set()


def test_every_key_that_fills_a_column_is_a_path_of_the_page(page: Page) -> None:
    keys = {f"$[*].{column.source_key}" for column in records.ASSETS.columns if column.source_key}
    keys |= {f"{LABEL}.{column.source_key}" for column in records.LABELS.columns if column.source_key}
    assert keys <= set(page.ids)


def test_every_column_that_records_fill_has_a_path(columns: dict[Source, Column]) -> None:
    """All but the version of our code that wrote the row."""
    filled = ("assets", "labels", "responses", "annotations")
    tables = {
        address: column for address, column in columns.items() if address[:2] in [("kili", name) for name in filled]
    }
    assert {address.column for address, column in tables.items() if not column.paths} == {"flatten_version"}
    assert len(tables) > 50


def test_texts_are_escaped_and_the_page_runs_nothing(page: Page) -> None:
    assert page.tags.isdisjoint({"script", "link", "img", "iframe"})
    column = Column(Source("marts", "a", "<b>"), "<i>", "<script>alert(1)</script>", (), ('"><img src=x>',))
    shown = data_dictionary_page.render([Table("marts", "a", "<u>", (column,))])
    assert Page(shown).tags <= page.tags
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown


def test_the_page_is_rendered_anew_only_if_the_models_change(warehouse: Path) -> None:
    file, dbt = warehouse / "work" / "warehouse.duckdb", warehouse / "work" / "dbt"
    first = data_dictionary_page.path(file, dbt, "one")
    os.utime(first, (0, 0))
    assert data_dictionary_page.path(file, dbt, "one").stat().st_mtime == 0
    second = data_dictionary_page.path(file, dbt, "two")
    assert [*dbt.glob("data_dictionary.*")] == [second]
    assert second.read_text() == data_dictionary_page.render(column_origins.tables_of(file, dbt))


def make_docs(warehouse: Path) -> subprocess.CompletedProcess[str]:
    """What `make docs` runs."""
    command = [sys.executable, "-m", "pipelines.transform.dbt_docs"]
    variables = os.environ | {"KILI_WAREHOUSE": str(warehouse)}
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)


def test_the_docs_of_dbt_are_one_page_with_models_metrics_and_exposures(warehouse: Path) -> None:
    ran = make_docs(warehouse)
    assert ran.stdout == f"{warehouse / 'work' / 'dbt_docs' / 'static_index.html'}\n", ran.stderr
    page = (warehouse / "work" / "dbt_docs" / "static_index.html").read_text()
    for name in ("model.kili_warehouse.annotators", "metric.kili_warehouse.labels", "exposure.kili_warehouse.metrics"):
        assert f'"{name}"' in page


def test_the_docs_of_dbt_need_a_warehouse(tmp_path: Path) -> None:
    ran = make_docs(tmp_path / "none")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == f"there is no warehouse in {tmp_path}/none: load exports with `kili-warehouse run` first\n"
