"""A fast warehouse: the real reader and loader logic, and dbt's compiled SQL, run directly in DuckDB.

dlt's transport, Dagster and dbt's start-up are left out; a few tests run the whole job, hundreds of examples run this.
"""

import json
import math
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from pipelines.comparison import known_results
from pipelines.comparison import records as comparison
from pipelines.comparison import source as comparison_source
from pipelines.comparison.method import Method
from pipelines.comparison.pending_fits import PendingFits
from pipelines.comparison.pending_pairs import PendingPairs
from pipelines.kili import forgotten, records, source
from pipelines.kili.people import Pseudonyms
from pipelines.kili.reader import NewExport, Reader
from pipelines.kili.stored import KnownAssets
from pipelines.kili.workers import Workers
from pipelines.landing import discovery, local_files
from pipelines.loading import database, tables
from pipelines.transform import project

Rows = list[tuple[Any, ...]]

MARTS = (
    "assets",
    "labels",
    "annotations",
    "latest_label_per_user",
    "latest_label_per_user_and_type",
    "review_vs_default",
    "review_vs_default_jobs",
    "review_edits",
    "category_confusion",
    "score_reconciliation",
    "label_outcomes",
    "annotators",
    "annotator_weeks",
    "reviewers",
    "reviewer_weeks",
    "first_pass_yield",
    "category_quality",
    "model_vs_human",
    "days",
    "asset_quality",
    "agreement",
    "agreement_pairs",
    "consensus",
)
AGGREGATES = (
    *("annotators", "annotator_weeks", "reviewers", "reviewer_weeks", "first_pass_yield"),
    *("category_quality", "model_vs_human", "asset_quality"),
    *("agreement", "agreement_pairs", "consensus"),
)


class Mean(float):
    """A mean or sum over many rows: equal to another within 1e-12 of its value, as the contract promises."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, float) and math.isclose(self, other, rel_tol=1e-12, abs_tol=1e-12)

    __hash__ = float.__hash__


def comparable(mart: str, rows: Rows) -> Rows:
    """The rows of a mart; of those that hold means and sums, each number as a `Mean`."""
    if mart not in AGGREGATES:
        return rows
    return [tuple(Mean(value) if isinstance(value, float) else value for value in row) for row in rows]


@dataclass(frozen=True)
class Model:
    """A dbt model: its address, its compiled SQL, and whether it reads the comparison."""

    address: str
    sql: str
    is_compared: bool


def compile_models(folder: Path, *arguments: str) -> list[Model]:
    """All models in the order of their dependencies, compiled by dbt as for a full rebuild."""
    project.manifest(folder / "warehouse.duckdb", folder)
    command = [str(project.DBT), "--quiet", "compile", "--full-refresh", "--project-dir", str(project.PROJECT)]
    command += arguments
    variables = os.environ | project.environment(folder / "warehouse.duckdb") | {"DBT_LOG_PATH": str(folder)}
    subprocess.run([*command, "--target-path", str(folder)], env=variables, check=True, capture_output=True)
    manifest = json.loads((folder / "manifest.json").read_text())
    nodes = {name: node for name, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    ordered: list[str] = []
    while len(ordered) < len(nodes):
        ready = [n for n, node in nodes.items() if n not in ordered and not _waits(node, nodes, ordered)]
        ordered += ready
    compared: set[str] = set()
    for name in ordered:
        upstream = nodes[name]["depends_on"]["nodes"]
        if any(one in compared or one.startswith("source.kili_warehouse.comparison.") for one in upstream):
            compared.add(name)
    return [
        Model(f"{nodes[n]['schema']}.{nodes[n]['alias']}", nodes[n]["compiled_code"], n in compared) for n in ordered
    ]


def _waits(node: dict[str, Any], nodes: dict[str, Any], done: list[str]) -> bool:
    return any(upstream in nodes and upstream not in done for upstream in node["depends_on"]["nodes"])


class Quick:
    """A warehouse in a folder of its own. With `origin`, it loads nothing: its exports are those of that database."""

    def __init__(
        self,
        folder: Path,
        models: list[Model],
        origin: Path | None = None,
        pseudonyms: Pseudonyms | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.database = folder / "warehouse.duckdb"
        self.models = models
        self.origin = origin
        self.pseudonyms = pseudonyms
        self.loads = 0

    def load(self, *paths: Path) -> dict[str, int]:
        """Loads the new exports like `load.load`. Returns the number of rows written by table."""
        if not self.loads:
            self._create()
        new = [NewExport(discovery.Landed(str(path), path), *local_files.identify(path)) for path in paths]
        new = list({export.export_id: export for export in new if export.export_id not in self._known()}.values())
        counts = dict.fromkeys((table.name for table in records.TABLES), 0)
        gone = forgotten.read(self.database.parent)
        stored = KnownAssets(self.database, pseudonyms=self.pseudonyms, forgotten=gone)
        with stored as known, Workers(1) as workers:
            batches = list(source.batches([Reader(one, None, ZoneInfo("UTC")) for one in new], known, workers, gone))
        self.loads += 1
        with duckdb.connect(str(self.database)) as db:
            db.execute("begin")
            for batch in batches:
                for table in records.TABLES:
                    if rows := batch.get(table.name):
                        db.register("batch", rows)
                        db.execute(f"insert into kili.{table.name} select *, '{self.loads:05}' from batch")
                        counts[table.name] += len(rows)
            db.execute("insert into kili._dlt_loads values (?, 'kili', 0, now(), '')", [f"{self.loads:05}"])
            db.execute("commit")
        return counts

    def marts(self) -> dict[str, Rows]:
        """All rows of every mart, after a rebuild from schema kili. Earlier comparisons are kept."""
        self.build()
        self._compare()
        with self._models(is_compared=True) as db:
            found = {name: db.execute(f"select * from marts.{name} order by all").fetchall() for name in MARTS}
        return {name: comparable(name, rows) for name, rows in found.items()}

    def build(self) -> None:
        """Rebuilds the models that the comparison reads."""
        with self._models(is_compared=False):
            pass

    @contextmanager
    def _models(self, *, is_compared: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        with duckdb.connect(str(self.database)) as db:
            db.execute("set TimeZone = 'UTC'")
            stored: tuple[str, ...] = ("intermediate.",)
            if self.origin and not is_compared:
                database.attach(db, self.origin, project.ORIGIN)
                stored += ("staging.stg_kili__",)
            for model in self.models:
                if model.is_compared == is_compared:
                    schema = model.address.split(".")[0]
                    kind = "table" if model.address.startswith(stored) else "view"
                    db.execute(
                        f"create schema if not exists {schema}; create or replace {kind} {model.address} as {model.sql}"
                    )
            yield db

    def _compare(self) -> None:
        """Compares the new pairs and fits the changed jobs, like `comparison.load`."""
        self.loads += 1
        if self.origin:
            known_results.copy(self.database, self.origin, Method())
        uncompared = PendingPairs(self.database, Method())
        found = [comparison_source.results(batch, Method()) for batch in uncompared.batches()]
        if uncompared.is_new_method:
            found.append({"methods": comparison.METHODS.from_dicts([Method().row])})
        found += [{"dawid_skene": fit} for fit in PendingFits(self.database).tables()]
        with duckdb.connect(str(self.database)) as db:
            _create_schema(db, "comparison", comparison.TABLES)
            for results in found:
                for name, rows in results.items():
                    db.register("batch", rows)
                    db.execute(f"insert into comparison.{name} select *, '{self.loads:05}' from batch")
            db.execute("insert into comparison._dlt_loads values (?, 'comparison', 0, now(), '')", [f"{self.loads:05}"])

    def ask(self, sql: str) -> Rows:
        """Rows of the pipeline's database."""
        with duckdb.connect(str(self.database), read_only=True) as db:
            db.execute("set TimeZone = 'UTC'")
            return db.execute(sql).fetchall()

    def _create(self) -> None:
        with duckdb.connect(str(self.database)) as db:
            _create_schema(db, "kili", records.TABLES)

    def _known(self) -> set[str]:
        return {export_id for (export_id,) in self.ask("select export_id from kili.exports")}


def _create_schema(db: duckdb.DuckDBPyConnection, schema: str, declared: Sequence[tables.Table]) -> None:
    db.execute(f"create schema if not exists {schema}")
    for table in declared:
        columns = ", ".join(f"{column.name} {column.sql_type}" for column in table.columns)
        db.execute(f"create table if not exists {schema}.{table.name} ({columns}, {tables.LOAD_ID} varchar)")
    db.execute(
        f"""create table if not exists {schema}._dlt_loads (load_id varchar, schema_name varchar, status bigint,
        inserted_at timestamptz, schema_version_hash varchar)"""
    )
