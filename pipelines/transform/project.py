"""Prepares the dbt project: writes its generated sources and keeps its manifest up to date."""

import fcntl
import functools
import hashlib
import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import yaml

from pipelines import rebuildable
from pipelines.comparison import records as comparison
from pipelines.kili import records as kili
from pipelines.loading import tables
from pipelines.transform.dbt_runner import Dbt, DbtFailed

PROJECT: Final = Path(__file__).parents[2] / "dbt_project"
DBT: Final = Path(sys.executable).with_name("dbt")
DATABASE_VARIABLE: Final = "KILI_WAREHOUSE_DUCKDB"
SOURCES_VARIABLE: Final = "KILI_WAREHOUSE_DBT_SOURCES"
ORIGIN_VARIABLE: Final = "KILI_WAREHOUSE_ORIGIN"
AS_OF_TARGET: Final = "as_of"  # in profiles.yml: reads schema `kili` from the attached database `origin`
ORIGIN: Final = "origin"

log = logging.getLogger(__name__)

_SCHEMAS: Final = {
    "kili": ("Kili's exports as normalised tables, append-only, loaded by dlt", kili.TABLES),
    "comparison": ("Pairs of labels compared, append-only, loaded by dlt", comparison.TABLES),
}
_LOADS: Final = {
    "name": "_dlt_loads",
    "description": "dlt's ledger: one row for each finished load, at times twice",
    "columns": [
        {"name": "load_id", "description": "The load"},
        {"name": "schema_name", "description": "dlt's schema"},
        {"name": "status", "description": "0: finished"},
        {"name": "inserted_at", "description": "When it finished"},
        {"name": "schema_version_hash", "description": "Version of dlt's schema"},
    ],
}


_COLUMNS_MACRO: Final = """\
{%% macro declared_columns(schema, table, left_out=()) %%}
    {{- %s[schema][table] | reject('in', left_out) | join(', ') -}}
{%% endmacro %%}
"""


class BrokenModels(Exception):
    """dbt cannot parse or build the project. The message has the path of dbt's output."""


def manifest(database: Path, target: Path) -> Path:
    """The path of the project's manifest in dbt's folder. Parses the project if models or their sources have changed.

    Parses for the database that dbt will use, because a change of it makes dbt parse everything again. If several
    processes start at the same time, as Dagster's do on a server, only one parses. Raises `BrokenModels`.
    """
    digest = models_digest()
    manifest_file, digest_file = target / "manifest.json", target / "manifest.digest"
    target.mkdir(parents=True, exist_ok=True)
    with (target / "manifest.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = _read_text(digest_file).split()
        if known != [digest, _hash(manifest_file)]:
            if known[:1] == [digest]:
                log.warning("%s is damaged and is rebuilt", manifest_file)
            for path in (manifest_file, digest_file, target / "partial_parse.msgpack"):
                if path.is_dir():
                    rebuildable.remove(path)
            _parse(dbt(database, target), target)
            digest_file.write_text(f"{digest} {_hash(manifest_file)}")
    return manifest_file


@functools.cache
def dbt(database: Path, target: Path) -> Dbt:
    """dbt on this project and a warehouse: one for all calls of a process, which then parse the project once."""
    return Dbt(PROJECT, target, environment(database))


def _read_text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def models_digest() -> str:
    """Hash of the project's files and of its generated sources."""
    digest = hashlib.sha256()
    for path in _files():
        digest.update(f"{path.relative_to(PROJECT).as_posix()}\n".encode() + path.read_bytes())
    digest.update("\n".join(_generated().values()).encode())
    return digest.hexdigest()


def environment(database: Path) -> dict[str, str]:
    """The environment variables that dbt needs to use a warehouse. Also writes the sources that dbt reads."""
    return {
        DATABASE_VARIABLE: str(database),
        SOURCES_VARIABLE: str(_write_sources(database.absolute().with_name("dbt_sources"))),
        "DBT_PROFILES_DIR": str(PROJECT),
    }


def _files() -> Iterator[Path]:
    for path in sorted(PROJECT.rglob("*")):
        if path.is_file() and path.suffix in (".sql", ".yml", ".md"):
            yield path


def _write_sources(folder: Path) -> Path:
    """Writes dlt's tables as dbt sources, with docs and a macro of their columns, outside the clone."""
    for name, content in _generated().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if _read_text(path) != content:
            new_file = path.with_suffix(".new")
            new_file.write_text(content)
            new_file.replace(path)
    return folder


@functools.cache
def _generated() -> dict[str, str]:
    files = {}
    for schema, (description, declared) in _SCHEMAS.items():
        source = _source(schema, description, declared)
        blocks = [_block(f"{schema}__{table.name}", table.description) for table in declared]
        blocks += [_block(f"{schema}__{t.name}__{c.name}", c.description) for t in declared for c in t.columns]
        files[f"models/_{schema}__sources.yml"] = yaml.safe_dump(source, sort_keys=False, width=120)
        files[f"models/_{schema}__docs.md"] = "\n".join(blocks)
    files["macros/declared_columns.sql"] = _COLUMNS_MACRO % {
        schema: {table.name: table.names for table in declared} for schema, (_, declared) in _SCHEMAS.items()
    }
    return files


def _source(schema: str, description: str, declared: Sequence[tables.Table]) -> dict[str, object]:
    described = [
        {
            "name": table.name,
            "description": table.description,
            "columns": [
                *({"name": c.name, "data_type": c.sql_type, "description": c.description} for c in table.columns),
                {"name": tables.LOAD_ID, "data_type": "VARCHAR", "description": "The load that wrote the row"},
            ],
        }
        for table in declared
    ]
    source = {"name": schema, "schema": schema, "description": description, "tables": [*described, _LOADS]}
    if schema == "kili":
        source["database"] = f"{{{{ '{ORIGIN}' if target.name == '{AS_OF_TARGET}' else target.database }}}}"
    return {"version": 2, "sources": [source]}


def _block(name: str, text: str) -> str:
    return f"{{% docs {name} %}}\n{text}\n{{% enddocs %}}\n"


def _parse(runner: Dbt, target: Path) -> None:
    try:
        runner.parse()
    except DbtFailed as error:
        log_file = target / "parse.log"
        log_file.write_text(str(error))
        raise BrokenModels(f"dbt cannot parse {PROJECT}; its output is in {log_file}") from error
