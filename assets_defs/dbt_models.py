"""The dbt models: staging, intermediate and marts, one Dagster asset a model, their tests as asset checks."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any, Final

import dagster as dg
import dagster_dbt
import duckdb
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster_shared.record import replace

from assets_defs import freshness, write_lock
from pipelines.loading import database
from pipelines.publishing import release as releases
from pipelines.settings import Settings
from pipelines.transform import dbt_runner, lineage
from pipelines.transform import project as dbt_project

log = logging.getLogger(__name__)

_MARTS: Final = "marts"
_BUILT, _PASSED, _WARNED, _SKIPPED = "success", "pass", "warn", "skipped"  # dbt's statuses of models and tests
_COMPARED: Final = dg.AssetKey(["staging", "stg_comparison__pairs"])
_VERDICTS: Final = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}
_NUMBERS: Final = {
    "marts.review_vs_default": {"mean_review_score": "avg(score)", "unchanged_share": "avg(is_unchanged::int)"},
    "marts.annotators": {"acceptance_share": "sum(accepted_count) / nullif(sum(reviewed_count), 0)"},
    "marts.first_pass_yield": {"first_pass_share": "sum(passed_count) / nullif(sum(judged_count), 0)"},
}  # the UI plots these numbers across runs


class _Models(dagster_dbt.DagsterDbtTranslator):
    """An asset's key is the address of its table: schema, table. Marts have a freshness policy."""

    def __init__(self, policy: dg.FreshnessPolicy | None) -> None:
        self._policy = policy
        super().__init__(dagster_dbt.DagsterDbtTranslatorSettings(enable_code_references=True))

    def get_asset_key(self, dbt_resource_props: Any) -> dg.AssetKey:
        name = dbt_resource_props.get("alias") or dbt_resource_props.get("identifier") or dbt_resource_props["name"]
        return dg.AssetKey([dbt_resource_props["schema"], name])

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: dagster_dbt.DbtProject | None
    ) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        return spec.replace_attributes(freshness_policy=self._policy) if spec.key.path[0] == _MARTS else spec


def models(settings: Settings) -> dg.AssetsDefinition:
    """All models of the dbt project, built by `dbt build` unless nothing has changed.

    Dagster runs them in two steps: the models that the comparison reads, and the models that read the comparison. Tests
    that need models of both run in the second step.
    """
    manifest = dbt_project.manifest(settings.database, settings.dbt)

    @dagster_dbt.dbt_assets(
        manifest=manifest,
        exclude=" ".join(dbt_runner.EXCLUDED),
        project=project(settings),
        name="dbt",
        dagster_dbt_translator=_Models(freshness.policy(settings)),
        pool=write_lock.POOL,
    )
    def dbt(
        context: dg.AssetExecutionContext,
        settings: dg.ResourceParam[Settings],
        warehouse_lock: dg.ResourceParam[None],  # noqa: ARG001
    ) -> Iterator[Any]:
        digest = dbt_project.models_digest()
        release = releases.current(settings.warehouse)
        if release and releases.is_current(settings.warehouse, settings.database, digest):
            log.info("nothing new to load and models unchanged: dbt does not start")
            _confirm(context, release)
            return
        newest = releases.newest(settings.warehouse)
        is_rebuild = newest is None or newest.models_digest != digest
        results = _build(context, settings, ["--full-refresh"] if is_rebuild else [])
        yield from _events(context, settings, results)
        dbt_runner.raise_if_failed(results)

    return dbt


def _build(context: dg.AssetExecutionContext, settings: Settings, options: list[str]) -> list[Any]:
    """Builds and tests the selected models, or runs the selected tests where no model is selected."""
    selected = [key.path[-1] for key in context.selected_asset_keys] or [
        key.name for key in context.selected_asset_check_keys
    ]
    tests = "eager" if _COMPARED in context.selected_asset_keys else "cautious"
    log.info("dbt builds and tests %d models", len(context.selected_asset_keys))
    dbt = dbt_project.dbt(settings.database, settings.dbt)
    return dbt.build(*options, "--indirect-selection", tests, "--select", *selected)


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


def _events(context: dg.AssetExecutionContext, settings: Settings, results: list[Any]) -> Iterator[Any]:
    """A Dagster event for each model and test, with row counts, numbers of some marts, and the marts' column lineage.

    The database is read after dbt has closed it. Rows of views that are no marts are not counted, as in dagster-dbt:
    that takes as long as building them.
    """
    checks = {key.name: key for key in context.selected_asset_check_keys}
    with database.reading(settings.database) as db:
        known = lineage.schema(db)
        for result in results:
            node = result.node
            said: dict[str, Any] = {"unique_id": node.unique_id, "Execution Duration": result.execution_time}
            if result.status == _BUILT:
                key = dg.AssetKey([node.schema, node.alias])
                yield dg.Output(None, key.to_python_identifier(), metadata=said | _numbers(db, node, known))
            elif node.resource_type == "test" and result.status != _SKIPPED and node.name in checks:
                yield dg.AssetCheckResult(
                    asset_key=checks[node.name].asset_key,
                    check_name=node.name,
                    passed=result.status == _PASSED,
                    severity=dg.AssetCheckSeverity.WARN if result.status == _WARNED else dg.AssetCheckSeverity.ERROR,
                    metadata=said | {"dagster_dbt/failed_row_count": result.failures or 0},
                )


def _numbers(db: duckdb.DuckDBPyConnection, node: Any, known: lineage.Schema) -> dict[str, Any]:
    numbers: dict[str, Any] = {}
    if node.schema == _MARTS or node.config.materialized != "view":
        numbers |= _counted(db, f"{node.schema}.{node.alias}")
    if node.schema == _MARTS:
        numbers["dagster/column_lineage"] = _lineage(node.compiled_code, known)
    return numbers


def _counted(db: duckdb.DuckDBPyConnection, address: str) -> dict[str, Any]:
    numbers = {"dagster/row_count": "count(*)", **_NUMBERS.get(address, {})}
    counted = db.sql(f"select {', '.join(numbers.values())} from {address}").fetchall()[0]
    return dict(zip(numbers, counted, strict=True))


def _lineage(sql: str, known: lineage.Schema) -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(dg.AssetKey([one.schema, one.table]), one.column) for one in sources]
            for column, sources in lineage.column_sources(sql, known).items()
        }
    )
