"""The dbt models: staging, intermediate and marts, one Dagster asset a model, their tests as asset checks."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import dagster as dg
import dagster_dbt
from packaging import version

from assets_defs import writing
from pipelines import publishing, transform, warehouse
from pipelines.settings import Settings

log = logging.getLogger(__name__)

_BRIEF: Final = ("--log-level-file", "info", "--no-write-json")  # else a fifth of dbt's time goes into them
_COMPARED: Final = dg.AssetKey(["staging", "stg_comparison__pairs"])


class _Models(dagster_dbt.DagsterDbtTranslator):
    """Keys are the tables' addresses: schema, table."""

    def __init__(self) -> None:
        super().__init__(
            dagster_dbt.DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True, enable_code_references=True)
        )

    def get_asset_key(self, dbt_resource_props: Any) -> dg.AssetKey:
        name = dbt_resource_props.get("alias") or dbt_resource_props.get("identifier") or dbt_resource_props["name"]
        return dg.AssetKey([dbt_resource_props["schema"], name])


class Dbt(dagster_dbt.DbtCliResource):
    """dbt's command line without what takes Dagster seconds at each call.

    Its version is read from the installed package rather than asked of the command, and no second dbt is set up in this
    process to look into the database: rows are counted below.
    """

    @cached_property
    def _cli_version(self) -> version.Version:
        return version.parse(metadata.version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:  # noqa: ARG002
        return None


def models(settings: Settings) -> dg.AssetsDefinition:
    """All models of the dbt project, built by `dbt build`; not where nothing has changed.

    Dagster cuts them in two, those that the comparison reads and those that read it. Tests that need both are run with
    the second half.
    """
    manifest = transform.manifest(settings.database, settings.dbt)

    @dagster_dbt.dbt_assets(
        manifest=manifest, project=project(settings), name="dbt", dagster_dbt_translator=_Models(), pool=writing.POOL
    )
    def dbt(context: dg.AssetExecutionContext, dbt: Dbt, settings: dg.ResourceParam[Settings]) -> Iterator[Any]:
        digest = transform.models_digest()
        if publishing.is_current(settings.warehouse, settings.database, digest):
            log.info("nothing new to load and models unchanged: dbt does not start")
            return
        log.info("dbt builds and tests the models: half a minute, more for many labels")
        release = publishing.current(settings.warehouse)
        is_rebuild = release is None or release.models_digest != digest
        os.environ.update(transform.environment(settings.database))
        os.environ["DBT_INDIRECT_SELECTION"] = "eager" if _COMPARED in context.selected_asset_keys else "cautious"
        invocation = dbt.cli(
            ["build", *_BRIEF, "--exclude-resource-type", "unit_test", *(["--full-refresh"] if is_rebuild else [])],
            context=context,
            target_path=settings.dbt,
        )
        yield from _with_row_counts(list(invocation.stream()), invocation.manifest, settings.database)

    return dbt


def project(settings: Settings) -> dagster_dbt.DbtProject:
    """The dbt project as Dagster wants it."""
    return dagster_dbt.DbtProject(transform.PROJECT, profiles_dir=transform.PROJECT, target_path=settings.dbt)


def _with_row_counts(events: list[Any], manifest: Mapping[str, Any], database: Path) -> Iterator[Any]:
    """dbt's events with the rows of each table, counted once dbt has let go of the database."""
    with warehouse.reading(database) as db:
        for event in events:
            if isinstance(event, dg.Output):
                node = manifest["nodes"][event.metadata["unique_id"].value]
                counted = db.sql(f"select count(*) from {node['schema']}.{node['alias']}").fetchall()
                yield event.with_metadata({**event.metadata, "dagster/row_count": counted[0][0]})
            else:
                yield event
