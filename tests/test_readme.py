"""The commands, queries, tables and links of the README and of docs/ are true."""

import re
from pathlib import Path

import duckdb
import pytest
from conftest import ROOT, SAMPLES, query

from pipelines import cli
from pipelines.transform import data_dictionary

README = (ROOT / "README.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", ["README.md", "docs/scoring.md"])
def test_queries_give_the_results_shown(name: str, samples: Path) -> None:
    text = (ROOT / name).read_text()
    queries = re.findall(r'```python\n[^`]*?"""(.*?)"""', text, re.DOTALL)
    shown = re.findall(r"```text\n(.*?)\n```", text, re.DOTALL)
    assert len(queries) == len(shown) == 1
    with duckdb.connect(str(samples / "warehouse.duckdb"), read_only=True) as warehouse:
        assert [str(warehouse.sql(sql)).strip() for sql in queries] == [text.strip() for text in shown]


def test_the_first_query_comes_before_line_50_of_at_most_130() -> None:
    lines = README.splitlines()
    assert len(lines) <= 130
    assert lines.index("```python") < 50


def test_the_table_of_marts_is_complete(samples: Path) -> None:
    tables = query(
        samples, "select schema_name || '.' || table_name as name from duckdb_tables() where schema_name = 'marts'"
    )
    assert set(re.findall(r"^\| `(marts\.\w+)`", README, re.MULTILINE)) == {row["name"] for row in tables}


def test_the_readme_shows_the_number_of_sample_exports() -> None:
    assert f"\n{len(list(SAMPLES.iterdir()))} exports found in tests/samples\n" in README


def test_the_data_dictionary_is_the_generated_one(samples: Path) -> None:
    page = data_dictionary.page(samples / "work" / "dbt" / "manifest.json")
    assert (ROOT / "docs" / "data-dictionary.md").read_text() == page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_files_targets_and_commands_in_the_docs_exist(page: Path) -> None:
    text = page.read_text()
    links = [link.partition("#") for link in re.findall(r"\]\((?!https?:)([^)]+)\)", text)]
    assert [link for link, _, _ in links if not (page.parent / link).exists()] == []
    for link, _, anchor in links:
        headings = re.findall(r"^#+ (.+)$", (page.parent / link).read_text() if anchor else "", re.MULTILINE)
        assert not anchor or anchor in {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}
    named = re.findall(r"`((?:pipelines|assets_defs|dbt_project|tests|docs|bench)/[\w./]*\w/?)`", text)
    assert [name for name in named if not (ROOT / name).exists()] == []
    assert set(re.findall(r"(?:`|\$ )make ([a-z]+)", text)) <= TARGETS
    commands = re.findall(r"kili-warehouse (run|[a-z]+)(?= --| *$)", text, re.MULTILINE)
    assert set(commands) <= set(re.findall(r"^def (\w+)\(chosen", Path(cli.__file__).read_text(), re.MULTILINE))
