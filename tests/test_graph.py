"""The Dagster graph: one line an asset in graph.txt, and the rules that keys, layers and descriptions follow."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from conftest import ROOT

from assets_defs import definitions
from assets_defs import instance as dagster_instance
from pipelines import settings
from pipelines.transform import project

GOLDEN = Path(__file__).parent / "graph.txt"
LAYERS = {"kili": 0, "comparison": 0, "staging": 1, "intermediate": 2, "marts": 3, "metrics": 4}


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> settings.Settings:
    return settings.from_environment().at("x", tmp_path_factory.mktemp("graph"))


@pytest.fixture(scope="module")
def graph(chosen: settings.Settings) -> dg.Definitions:
    return definitions.build(chosen)


@pytest.fixture(scope="module")
def manifest(chosen: settings.Settings) -> dict[str, Any]:
    return json.loads(project.manifest(chosen.database, chosen.dbt).read_text())


def lines(graph: dg.Definitions) -> list[str]:
    """One line an asset: key, group, kinds, dependencies."""
    specs = sorted(graph.resolve_all_asset_specs(), key=lambda spec: spec.key)
    return [
        f"{spec.key.to_user_string()} [{spec.group_name}] {','.join(sorted(spec.kinds))}"
        f" <- {' '.join(sorted(dep.asset_key.to_user_string() for dep in spec.deps)) or 'nothing'}"
        for spec in specs
    ]


def test_the_graph_is_the_golden_one(graph: dg.Definitions) -> None:
    """After an intended change, write the new graph: python tests/test_graph.py"""
    assert lines(graph) == GOLDEN.read_text().splitlines()


def test_every_asset_has_a_description_and_a_group_that_is_its_schema(graph: dg.Definitions) -> None:
    for spec in graph.resolve_all_asset_specs():
        assert spec.description, spec.key
        assert spec.group_name == spec.key.path[0], spec.key


def test_columns_of_loaded_tables_and_marts_are_shown_before_any_run(graph: dg.Definitions) -> None:
    for spec in graph.resolve_all_asset_specs():
        if spec.key.path[0] in ("kili", "comparison", "marts") and spec.key.path[1] != "_dlt_loads":
            columns = spec.metadata["dagster/column_schema"].columns
            assert columns, spec.key
            assert all(column.description and column.type for column in columns), spec.key


def test_every_table_is_named_by_its_address_in_the_published_file(graph: dg.Definitions) -> None:
    for spec in graph.resolve_all_asset_specs():
        if spec.key.path[0] in LAYERS and spec.key.path[1] != "_dlt_loads":
            assert spec.metadata["dagster/table_name"] == ".".join(["warehouse", *spec.key.path])


def test_loaded_tables_and_marts_have_to_be_fresh(graph: dg.Definitions) -> None:
    dated = {spec.key.path[0] for spec in graph.resolve_all_asset_specs() if spec.freshness_policy}
    undated = {spec.key.path[0] for spec in graph.resolve_all_asset_specs() if not spec.freshness_policy}
    assert (dated, dated & undated) == ({"kili", "marts"}, set())


def test_every_check_has_a_description(graph: dg.Definitions) -> None:
    checks = [spec for assets in graph.resolve_asset_graph().assets_defs for spec in assets.check_specs]
    ours = [spec for spec in checks if "dagster_dbt/unique_id" not in spec.metadata]
    assert len(ours) == 7
    assert all(spec.description for spec in ours)


def test_dbt_tests_are_asset_checks(graph: dg.Definitions) -> None:
    keys = {key.to_user_string() for key in graph.resolve_asset_graph().asset_check_keys}
    assert "marts/labels:unique_labels_label_key" in keys


def test_the_sensor_and_the_schedule_run_the_whole_job_by_default(graph: dg.Definitions) -> None:
    sensor, schedule = graph.resolve_sensor_def("new_exports"), graph.resolve_schedule_def("scheduled_run")
    assert (sensor.default_status, schedule.default_status) == (
        dg.DefaultSensorStatus.RUNNING,
        dg.DefaultScheduleStatus.RUNNING,
    )
    assert sensor.job_name == schedule.job_name == definitions.JOB
    job = graph.resolve_job_def(definitions.JOB)
    assert job.asset_layer.executable_asset_keys == {spec.key for spec in graph.resolve_all_asset_specs()}


def test_no_two_runs_write_at_a_time(graph: dg.Definitions, chosen: settings.Settings) -> None:
    """Each step that writes is in the pool, which has one slot. A run holds it from start to end."""
    ops = {node.name: node.definition.pool for node in graph.resolve_job_def(definitions.JOB).nodes}
    assert set(ops.values()) == {"warehouse", None}
    assert {name for name, pool in ops.items() if pool is None} == {
        "landing__kili",
        "marts__score_reconciliation_scores_match_kili",
    }
    for node in graph.resolve_job_def(definitions.JOB).nodes:
        assert "warehouse_lock" in node.definition.required_resource_keys, node.name
    with dg.DagsterInstance.from_config(str(dagster_instance.prepare(chosen))) as instance:
        pools = instance.get_concurrency_config().pool_config
    assert (pools.pool_granularity.value, pools.default_pool_limit) == ("run", 1)


def test_reading_definitions_writes_nothing_but_what_dbt_parses(
    graph: dg.Definitions, chosen: settings.Settings
) -> None:
    graph.resolve_job_def(definitions.JOB)
    assert {path.name for path in chosen.work.iterdir()} - {"dagster"} == {"dbt", "dbt_sources"}


def values(config_type: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths in a job's run configuration that take a value rather than further names."""
    if not hasattr(config_type, "fields"):
        yield path
    for name, field in getattr(config_type, "fields", {}).items():
        yield from values(field.config_type, (*path, name))


@pytest.mark.parametrize("job_name", [definitions.JOB, "__ASSET_JOB"])
def test_a_launch_request_can_set_no_value(graph: dg.Definitions, job_name: str) -> None:
    """`__ASSET_JOB` is Dagster's own, which materializes the assets that somebody selects in the UI."""
    schema = graph.resolve_job_def(job_name).run_config_schema.config_type
    assert {"execution", "loggers", "ops", "resources"} == set(schema.fields)
    assert list(values(schema)) == []


def test_a_launch_request_of_the_as_of_job_can_set_the_time_only(graph: dg.Definitions) -> None:
    schema = graph.resolve_job_def("as_of").run_config_schema.config_type
    assert list(values(schema)) == [("ops", "publish_as_of", "config", "time")]


def test_every_model_reads_only_the_layers_below_it(manifest: dict[str, Any]) -> None:
    layers = {name: node["schema"] for name, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    layers |= {name: source["schema"] for name, source in manifest["sources"].items()}
    for name, layer in layers.items():
        for upstream in manifest["parent_map"].get(name, []):
            step = LAYERS[layer] - LAYERS[layers[upstream]]
            assert step == 1 or (step == 0 and layer == "intermediate"), f"{name} reads {upstream}"


def test_every_model_has_a_description_and_marts_a_contract(manifest: dict[str, Any]) -> None:
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    for model in models:
        assert model["description"], model["name"]
        if model["schema"] == "marts":
            assert model["config"]["contract"]["enforced"], model["name"]
            assert all(column["description"] for column in model["columns"].values()), model["name"]


def test_the_loading_package_cannot_import_dagster() -> None:
    code = "import dagster\n"
    ruff = Path(sys.executable).with_name("ruff")
    ran = subprocess.run(
        [ruff, "check", "--stdin-filename", ROOT / "pipelines" / "x.py", "-"],
        input=code,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1
    assert "pipelines/ has to work without Dagster" in ran.stdout


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        built = definitions.build(settings.from_environment().at(None, Path(made)))
    GOLDEN.write_text("\n".join(lines(built)) + "\n")
