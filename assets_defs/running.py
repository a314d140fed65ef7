"""Runs the whole Dagster job in this process, as the UI, the schedule and the sensor run it in one of theirs."""

import contextlib
from dataclasses import dataclass
from typing import Any, Final

import dagster as dg

from assets_defs import definitions, failures, home
from pipelines.settings import Settings

LOG: Final = "last_run.log"
_QUIET: Final = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class Run:
    """What became of a run: the failures in words, and what the load said of the exports it found."""

    failures: list[str]
    load: dict[str, Any]


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
    return Run(failed, _load_metadata(result) if not failed else {})


def _load_metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    for made in result.asset_materializations_for_node("kili"):
        if made.asset_key == dg.AssetKey(["kili", "exports"]):
            shown_only = dg.MarkdownMetadataValue
            return {key: one.value for key, one in made.metadata.items() if not isinstance(one, shown_only)}
    return {}
