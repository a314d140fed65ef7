"""The README's commands, tables and query are those that run."""

import re
from pathlib import Path

import duckdb
from conftest import ROOT, SAMPLES, query

from pipelines.settings import Settings

README = (ROOT / "README.md").read_text()


def test_queries_give_the_results_shown(samples: Path) -> None:
    queries = re.findall(r'```python\n[^`]*?"""(.*?)"""', README, re.DOTALL)
    shown = re.findall(r"```text\n(.*?)\n```", README, re.DOTALL)
    assert len(queries) == 2
    with duckdb.connect(str(samples / "warehouse.duckdb"), read_only=True) as warehouse:
        assert [str(warehouse.sql(sql)).strip() for sql in queries] == [text.strip() for text in shown]


def test_the_table_of_marts_is_complete(samples: Path) -> None:
    tables = query(
        samples, "select schema_name || '.' || table_name as name from duckdb_tables() where schema_name = 'marts'"
    )
    assert set(re.findall(r"^\| `(marts\.\w+)`", README, re.MULTILINE)) == {row["name"] for row in tables}


def test_the_exports_shown_are_the_samples() -> None:
    shown = re.findall(r"^│ (\w+)[.…]\S* +│ (?:json|zip)_", README, re.MULTILINE)
    samples = sorted(path.name for path in SAMPLES.iterdir())
    assert len(shown) == len(samples)
    assert all(name.startswith(start) for name, start in zip(samples, sorted(shown), strict=True))


def test_every_folder_named_is_there() -> None:
    named = re.findall(r"^\| `([a-z_/]+/)`", README, re.MULTILINE)
    assert named
    assert [name for name in named if name != "warehouse/" and not (ROOT / name).is_dir()] == []


def test_every_make_target_named_is_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|\$ )make ([a-z]+)", README)) <= targets


def test_the_settings_named_are_those_that_are_read() -> None:
    variables = {field.alias for field in Settings.model_fields.values()}
    assert set(re.findall(r"^\| `(KILI_\w+)` \|", README, re.MULTILINE)) == variables
