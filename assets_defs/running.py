"""Runs the whole Dagster job in this process, as the UI, the schedule and the sensor run it in one of theirs."""

import contextlib
from dataclasses import dataclass
from typing import Any, Final

import dagster as dg

from assets_defs import definitions, failures, home
from pipelines import ledger
from pipelines.settings import Settings

LOG: Final = "last_run.log"
_QUIET: Final[dict[str, Any]] = {"loggers": {definitions.QUIET: {}}}


@dataclass(frozen=True)
class Run:
    """What became of a run: the failures in words, or what the load did."""

    failures: list[str]
    load: ledger.Load | None


def run(settings: Settings) -> Run:
    """Executes the whole job. What dbt prints goes to last_run.log in the warehouse's work folder."""
    built = definitions.build(settings)
    job = built.resolve_job_def(definitions.JOB)
    folder = home.prepare(settings)
    with (
        dg.DagsterInstance.from_config(str(folder)) as instance,
        (settings.work / LOG).open("w") as log,
        contextlib.redirect_stdout(log),
    ):
        result = job.execute_in_process(instance=instance, raise_on_error=False, run_config=_QUIET)
    failed = [failures.in_words(event) for event in result.all_events if event.is_step_failure]
    return Run(failed, None if failed else _load(result))


def _load(result: dg.ExecuteInProcessResult) -> ledger.Load:
    made = result.asset_materializations_for_node("kili")
    said: dict[str, dict[str, Any]] = {
        one.asset_key.path[-1]: {key: value.value for key, value in one.metadata.items()}
        for one in made
        if one.asset_key and "rows_loaded" in one.metadata
    }
    exports = said["exports"]
    return ledger.Load(
        load_id=exports["load_id"] or None,
        new_row_counts={table: metadata["rows_loaded"] for table, metadata in said.items()},
        row_counts={table: metadata["dagster/row_count"] for table, metadata in said.items()},
        exports_found=exports["exports_found"],
        exports_rejected=exports["exports_rejected"],
    )
