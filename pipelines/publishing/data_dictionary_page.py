"""Writes the data dictionary of a release: one static page with the lineage of each column, in both directions."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import jinja2

from pipelines.publishing import column_origins
from pipelines.publishing.column_origins import Table
from pipelines.transform import lineage
from pipelines.transform.lineage import Source

_TEMPLATE: Final = Path(__file__).with_name("data_dictionary.html")
_CODE: Final = (_TEMPLATE, Path(__file__), Path(column_origins.__file__), Path(lineage.__file__))
_SCHEMAS: Final = ("marts", "comparison", "intermediate", "staging", "kili")


def path(file: Path, dbt: Path, models_digest: str) -> Path:
    """The page in dbt's folder, rendered again if the models or the code of the page have changed.

    `file`: the pipeline's database, in which the models are built.
    """
    key = hashlib.sha256(models_digest.encode())
    for code in _CODE:
        key.update(code.read_bytes())
    page = dbt / f"data_dictionary.{key.hexdigest()[:16]}.html"
    if not page.exists():
        for old in dbt.glob("data_dictionary.*"):
            old.unlink()
        new = page.with_suffix(".new")
        new.write_text(render(column_origins.tables_of(file, dbt)), encoding="utf-8")
        new.replace(page)
    return page


def render(tables: Iterable[Table]) -> str:
    """The page, with all texts escaped and no script."""
    by_schema: dict[str, list[Table]] = {schema: [] for schema in _SCHEMAS}
    users: dict[Source, list[Source]] = defaultdict(list)
    by_path: dict[str, list[Source]] = defaultdict(list)
    for table in sorted(tables, key=lambda table: table.name):
        if table.schema in by_schema:
            by_schema[table.schema].append(table)
            for column in table.columns:
                for source in column.sources:
                    users[source].append(column.address)
                for json_path in column.paths:
                    by_path[json_path] += [column.address] if table.schema == "marts" else []
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(schemas=by_schema.items(), users=users, by_path=sorted(by_path.items()))
