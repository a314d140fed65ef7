"""The list of exports that passes from `landing/kili` to `kili`."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from helpers.exporting import asset, label, written

from assets_defs import definitions, io_manager
from pipelines import settings
from pipelines.landing import discovery


@pytest.fixture
def chosen(tmp_path: Path) -> settings.Settings:
    """One export whose name is not UTF-8."""
    written(tmp_path / "exports" / "\udcff.json", [asset("a1", label())])
    return settings.from_environment().at(str(tmp_path / "exports"), tmp_path / "warehouse")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as made:
        yield made


def test_a_later_run_of_kili_alone_loads_the_list_that_was_stored(
    chosen: settings.Settings, instance: dg.DagsterInstance
) -> None:
    built = definitions.build(chosen)
    job = built.resolve_job_def(definitions.JOB)

    def run(*prefix: str) -> dg.ExecuteInProcessResult:
        keys = [key for key in job.asset_layer.executable_asset_keys if key.path[0] in prefix]
        return job.execute_in_process(instance=instance, asset_selection=keys, raise_on_error=False)

    early = run("kili")
    assert not early.success
    [failure] = [event for event in early.all_events if event.is_step_failure]
    assert "materialize landing/kili first" in str(failure.step_failure_data)
    assert run("landing").success
    loaded = run("kili")
    assert loaded.success
    assert loaded.asset_materializations_for_node("kili")
    assert built.load_asset_value(["landing", "kili"], instance=instance) == [
        discovery.Landed(
            f"{chosen.exports}/\\xff.json", Path(os.fsdecode(os.fsencode(chosen.exports or "") + b"/\xff.json"))
        )
    ]
    stored = json.loads((chosen.work / "found_exports.json").read_text())
    assert [sorted(entry) for entry in stored] == [["fault", "path", "url"]]


def test_the_stored_list_keeps_the_fault_of_an_export_that_was_not_fetched(chosen: settings.Settings) -> None:
    chosen.prepare_work()
    stored = io_manager.found_exports(chosen).resource_fn(dg.build_init_resource_context())
    found = [discovery.Landed("s3://bucket/denied.json", chosen.work, "the store denies access")]
    stored.handle_output(dg.build_output_context(), found)
    assert stored.load_input(dg.build_input_context()) == found
