"""Generates docs/data-dictionary.md from the contracts of the marts and the declarations of dlt's tables:

python -m pipelines.transform.data_dictionary > docs/data-dictionary.md
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from pipelines import settings
from pipelines.comparison import records as comparison
from pipelines.kili import records as kili
from pipelines.publishing import published_tables
from pipelines.transform import project

_HEAD: Final = """\
# Data dictionary

<!-- Generated: python -m pipelines.transform.data_dictionary > docs/data-dictionary.md -->

Every table of the published `warehouse.duckdb` and its columns. The same texts are comments in the database. Times are
in UTC. A value that no export carries is null.
"""


class _Column(NamedTuple):
    name: str
    type: str
    description: str


def page(manifest: Path) -> str:
    """The page in Markdown. `manifest`: dbt's manifest."""
    nodes = json.loads(manifest.read_text())["nodes"].values()
    marts = [node for node in nodes if node["resource_type"] == "model" and node["schema"] == "marts"]
    parts = [_HEAD]
    for node in sorted(marts, key=lambda node: str(node["name"])):
        parts += _table(f"marts.{node['name']}", node["description"], _contract(node))
    for schema, tables in (("kili", kili.TABLES), ("comparison", comparison.TABLES)):
        for table in tables:
            if published_tables.is_published(schema, table.name):
                excluded = published_tables.LEDGER.get(table.name, ())
                columns = (
                    _Column(column.name, column.sql_type, column.description)
                    for column in table.columns
                    if column.name not in excluded
                )
                parts += _table(f"{schema}.{table.name}", table.description, columns)
    return "\n".join(parts)


def _contract(node: dict[str, Any]) -> Iterator[_Column]:
    for column in node["columns"].values():
        yield _Column(column["name"], str(column["data_type"]).upper(), column["description"])


def _table(address: str, description: str, columns: Iterable[_Column]) -> Iterator[str]:
    yield f"## `{address}`\n\n{description.strip()}\n"
    yield "| column | type | meaning |\n| --- | --- | --- |"
    yield from (f"| `{column.name}` | {column.type} | {_cell(column.description)} |" for column in columns)
    yield ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    chosen = settings.from_environment()
    print(page(project.manifest(chosen.database, chosen.dbt)), end="")
