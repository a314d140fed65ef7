"""The dbt models: staging, intermediate and marts, one Dagster asset a model, their tests as asset checks."""

import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import dagster as dg
import dagster_dbt
import duckdb
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster_shared.record import replace
from packaging import version

from assets_defs import freshness, write_lock
from pipelines.loading import database
from pipelines.publishing import release as releases
from pipelines.settings import Settings
from pipelines.transform import lineage
from pipelines.transform import project as dbt_project

log = logging.getLogger(__name__)

_MARTS: Final = "marts"
_BRIEF: Final = ("--log-level-file", "info", "--no-write-json")  # these logs take a fifth of dbt's time
_COMPARED: Final = dg.AssetKey(["staging", "stg_comparison__pairs"])
_VERDICTS: Final = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}
_NUMBERS: Final = {
    "marts.review_vs_default": {"mean_review_score": "avg(score)", "unchanged_share": "avg(is_unchanged::int)"},
    "marts.annotators": {"acceptance_share": "sum(accepted_count) / nullif(sum(reviewed_count), 0)"},
    "marts.first_pass_yield": {"first_pass_share": "sum(passed_count) / nullif(sum(judged_count), 0)"},
}  # the UI plots these numbers across runs


class _Models(dagster_dbt.DagsterDbtTranslator):
    """Asset keys are schema and table. Marts get a freshness policy."""

    def __init__(self, policy: dg.FreshnessPolicy | None) -> None:
        self._policy = policy
        super().__init__(
            dagster_dbt.DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True, enable_code_references=True)
        )

    def get_asset_key(self, dbt_resource_props: Any) -> dg.AssetKey:
        name = dbt_resource_props.get("alias") or dbt_resource_props.get("identifier") or dbt_resource_props["name"]
        return dg.AssetKey([dbt_resource_props["schema"], name])

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: dagster_dbt.DbtProject | None
    ) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        return spec.replace_attributes(freshness_policy=self._policy) if spec.key.path[0] == _MARTS else spec


class Dbt(dagster_dbt.DbtCliResource):
    """dbt's command line without two steps that take Dagster seconds at each call.

    The version is read from the installed package instead of the command. No second dbt adapter is set up in this
    process: `_with_numbers` counts rows.
    """

    @cached_property
    def _cli_version(self) -> version.Version:
        return version.parse(metadata.version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:  # noqa: ARG002
        return None


@dg.resource(config_schema={}, description="dbt on this project. A launch request cannot name another executable.")
def command(_context: dg.InitResourceContext) -> Dbt:
    """dbt's command line as a resource that launch requests cannot configure."""
    return Dbt(
        project_dir=str(dbt_project.PROJECT),
        profiles_dir=str(dbt_project.PROJECT),
        dbt_executable=sys.executable,
        global_config_flags=list(dbt_project.DBT_ARGUMENTS),
    )


def models(settings: Settings) -> dg.AssetsDefinition:
    """All models of the dbt project, built by `dbt build` if loads or models have changed.

    Dagster splits them at the comparison into two invocations. Tests that need both halves run with the second.
    """
    manifest = dbt_project.manifest(settings.database, settings.dbt)

    translator = _Models(freshness.policy(settings))

    @dagster_dbt.dbt_assets(
        manifest=manifest,
        project=project(settings),
        name="dbt",
        dagster_dbt_translator=translator,
        pool=write_lock.POOL,
    )
    def dbt(
        context: dg.AssetExecutionContext,
        dbt: dg.ResourceParam[Dbt],
        settings: dg.ResourceParam[Settings],
        warehouse_lock: dg.ResourceParam[None],  # noqa: ARG001
    ) -> Iterator[Any]:
        digest = dbt_project.models_digest()
        release = releases.current(settings.warehouse)
        if release and releases.is_current(settings.warehouse, settings.database, digest):
            log.info("nothing new to load and models unchanged: dbt does not start")
            _confirm(context, release)
            return
        log.info("dbt builds and tests the models: half a minute, more for many labels")
        is_rebuild = release is None or release.models_digest != digest
        os.environ.update(dbt_project.environment(settings.database))
        os.environ["DBT_INDIRECT_SELECTION"] = "eager" if _COMPARED in context.selected_asset_keys else "cautious"
        invocation = dbt.cli(
            ["build", *_BRIEF, "--exclude-resource-type", "unit_test", *(["--full-refresh"] if is_rebuild else [])],
            context=context,
            target_path=settings.dbt,
        )
        yield from _with_numbers(list(invocation.stream()), invocation.manifest, settings)

    return dbt


def project(settings: Settings) -> dagster_dbt.DbtProject:
    """The dbt project for Dagster."""
    return dagster_dbt.DbtProject(dbt_project.PROJECT, profiles_dir=dbt_project.PROJECT, target_path=settings.dbt)


def _confirm(context: dg.AssetExecutionContext, release: releases.Release) -> None:
    """Reports all marts as materialised, because a rebuild would not change them; without outputs, which start steps.

    The last results of their checks are repeated, so that the UI shows them for the new materialisation.
    """
    checks = context.job_def.asset_layer.asset_graph.asset_check_keys
    for address, count in release.row_counts.items():
        key = dg.AssetKey(address.split("."))
        if key.path[0] == _MARTS:
            said: dict[str, Any] = {"dagster/row_count": count, "unchanged_since": release.id}
            context.log_event(dg.AssetMaterialization(key, metadata=said))
            made = context.instance.fetch_materializations(key, limit=1).records[0]
            target = AssetCheckEvaluationTargetMaterializationData(
                storage_id=made.storage_id, run_id=made.run_id, timestamp=made.timestamp
            )
            for check in checks:
                if check.asset_key == key:
                    _repeat(context.instance, check, target)


def _repeat(
    instance: dg.DagsterInstance, check: dg.AssetCheckKey, target: AssetCheckEvaluationTargetMaterializationData
) -> None:
    history = instance.event_log_storage.get_asset_check_execution_history(check, limit=1, status=_VERDICTS)
    for last in history:
        if last.event and last.event.dagster_event:
            verdict = last.event.dagster_event.asset_check_evaluation_data
            instance.report_runless_asset_event(replace(verdict, target_materialization_data=target))


def _with_numbers(events: list[Any], manifest: Mapping[str, Any], settings: Settings) -> Iterator[Any]:
    """Yields dbt's events with row counts, more numbers of some marts, and the column lineage of marts.

    The database is read after dbt has closed it. Rows of views that are no marts are not counted, as in dagster-dbt:
    that takes as long as building them.
    """
    with database.reading(settings.database) as db:
        known = lineage.schema(db)
        for event in events:
            if isinstance(event, dg.Output):
                node = manifest["nodes"][event.metadata["unique_id"].value]
                is_mart = node["schema"] == _MARTS
                said: dict[str, Any] = {**event.metadata}
                if is_mart or node["config"]["materialized"] != "view":
                    said |= _counted(db, f"{node['schema']}.{node['alias']}")
                if is_mart:
                    said["dagster/column_lineage"] = _lineage(settings.dbt / "compiled", node, known)
                yield event.with_metadata(said)
            else:
                yield event


def _counted(db: duckdb.DuckDBPyConnection, address: str) -> dict[str, Any]:
    numbers = {"dagster/row_count": "count(*)", **_NUMBERS.get(address, {})}
    counted = db.sql(f"select {', '.join(numbers.values())} from {address}").fetchall()[0]
    return dict(zip(numbers, counted, strict=True))


def _lineage(compiled: Path, node: Mapping[str, Any], known: lineage.Schema) -> dg.TableColumnLineage:
    sql = (compiled / node["package_name"] / node["original_file_path"]).read_text()
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(dg.AssetKey([one.schema, one.table]), one.column) for one in sources]
            for column, sources in lineage.column_sources(sql, known).items()
        }
    )
