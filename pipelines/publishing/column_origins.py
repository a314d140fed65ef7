"""Traces each column of the warehouse to the columns it is computed from, and on to the JSON paths of an export."""

import graphlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from pipelines.comparison import records as comparison
from pipelines.kili import records as kili
from pipelines.loading import database, tables
from pipelines.transform import lineage
from pipelines.transform.lineage import Source


class Column(NamedTuple):
    """A column of a table or view, with its direct sources and the JSON paths of an export that it comes from."""

    address: Source
    type: str
    description: str
    sources: tuple[Source, ...]
    paths: tuple[str, ...]


class Table(NamedTuple):
    """A table or view with its columns in order."""

    schema: str
    name: str
    description: str
    columns: tuple[Column, ...]


Node = dict[str, Any]
"""A model in dbt's manifest."""

Paths = Mapping[Source, tuple[str, ...]]

_ASSET: Final = "$[*]"
_LABEL: Final = f"{_ASSET}.labels[*]"
_ANSWER: Final = f"{_LABEL}.jsonResponse"
_DRAWN: Final = f"{_ANSWER}.*.annotations[*]"
_SHAPES: Final = tuple(f"{_DRAWN}.{key}" for key in ("boundingPoly", "point", "polyline", "points"))
_LABEL_KEY: Final = (
    f"{_ASSET}.id",
    *(f"{_LABEL}.{key}" for key in ("author.id", "labelType", "createdAt", "modelName")),
)

_COMPUTED: Final[Mapping[str, tuple[str, ...]]] = {
    "asset_id": (f"{_ASSET}.id",),
    "external_id": (f"{_ASSET}.externalId",),
    "asset_version": (_ASSET,),
    "record_hash": (_ASSET,),
    "label_key": _LABEL_KEY,
    "response_hash": (_ANSWER,),
    "annotation_count": (_ANSWER,),
    "json_response": (_ANSWER,),
    "job_names": (_ANSWER,),
    "annotation_key": (*_LABEL_KEY, _ANSWER),
    "parent_annotation_key": (*_LABEL_KEY, _ANSWER),
    "job_name": (f"{_ANSWER}.*",),
    "kind": (f"{_ANSWER}.*",),
    "tool": (f"{_DRAWN}.type",),
    "mid": (f"{_DRAWN}.mid",),
    "category": (f"{_ANSWER}.*.categories[*].name", f"{_DRAWN}.categories[*].name"),
    "confidence": (f"{_ANSWER}.*.categories[*].confidence", f"{_DRAWN}.categories[*].confidence"),
    "text": (f"{_ANSWER}.*.text", f"{_DRAWN}.content"),
    "begin_offset": (f"{_DRAWN}.beginOffset",),
    "end_offset": (f"{_DRAWN}.endOffset", f"{_DRAWN}.content"),
    "frame": (f"{_ANSWER}.*",),
    "is_key_frame": (f"{_ANSWER}.*.*.isKeyFrame", f"{_DRAWN}.isKeyFrame"),
    "page_number": (f"{_DRAWN}.pageNumberArray",),
    **dict.fromkeys(("x_min", "y_min", "x_max", "y_max", "geometry"), _SHAPES),
    "start_mids": (f"{_DRAWN}.startEntities[*].mid", f"{_DRAWN}.startObjects[*].mid"),
    "end_mids": (f"{_DRAWN}.endEntities[*].mid", f"{_DRAWN}.endObjects[*].mid"),
}
"""The paths of the loader's columns that no single key fills, by their names."""

_RECORDS: Final = {kili.ASSETS.name: _ASSET, kili.LABELS.name: _LABEL, kili.ANNOTATIONS.name: _ANSWER}
_NOT_OF_RECORDS: Final = {kili.EXPORTS.name, kili.REJECTS.name}


def tables_of(file: Path, dbt: Path) -> list[Table]:
    """dlt's tables, and the dbt models that are built in the pipeline's database `file`.

    `dbt`: the folder with dbt's manifest and compiled SQL. The lineage is that of values: columns that only filter,
    join or choose rows are no sources.
    """
    found = [_loaded("kili", table) for table in kili.TABLES]
    found += [_loaded("comparison", table) for table in comparison.TABLES]
    paths = {column.address: column.paths for table in found for column in table.columns}
    with database.reading(file) as db:
        known = lineage.schema(db)
    nodes = json.loads((dbt / "manifest.json").read_text())["nodes"]
    for node in _in_order({name: node for name, node in nodes.items() if node["resource_type"] == "model"}):
        types = known["warehouse"].get(node["schema"], {}).get(node["alias"])
        if types is None:
            continue  # a model that Dagster leaves out
        sql = dbt / "compiled" / node["package_name"] / node["original_file_path"]
        model = _model(node, types, lineage.column_sources(sql.read_text(), known), paths)
        paths |= {column.address: column.paths for column in model.columns}
        found.append(model)
    return found


def _in_order(nodes: dict[str, Node]) -> Iterator[Node]:
    """dbt's models, each after those that it reads."""
    graph = {name: [one for one in node["depends_on"]["nodes"] if one in nodes] for name, node in nodes.items()}
    return (nodes[name] for name in graphlib.TopologicalSorter(graph).static_order())


def _model(node: Node, types: Mapping[str, str], sources: Mapping[str, list[Source]], paths: Paths) -> Table:
    columns = []
    for name, kind in types.items():
        direct = tuple(source for source in sources.get(name, ()) if source in paths)  # all but dlt's own
        traced = {path for source in direct for path in paths[source]}
        text = node["columns"].get(name, {}).get("description", "")
        columns.append(Column(Source(node["schema"], node["alias"], name), kind, text, direct, tuple(sorted(traced))))
    return Table(node["schema"], node["alias"], node["description"], tuple(columns))


def _loaded(schema: str, table: tables.Table) -> Table:
    columns = [
        Column(Source(schema, table.name, c.name), c.sql_type, c.description, (), _paths(schema, table.name, c))
        for c in table.columns
    ]
    return Table(schema, table.name, table.description, tuple(columns))


def _paths(schema: str, table: str, column: tables.Column) -> tuple[str, ...]:
    if schema == "comparison":
        return (_ANSWER,)
    if table in _NOT_OF_RECORDS:
        return ()
    record = _RECORDS.get(table, _ASSET)
    if column.source_key:
        return (f"{record}.{column.source_key}",)
    return (f"{record}.*",) if column.name == "extra" else _COMPUTED.get(column.name, ())
