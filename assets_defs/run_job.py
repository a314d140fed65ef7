"""Runs the whole Dagster job in this process. The UI, the schedule and the sensor run the same job in another one."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import dagster as dg
from dagster._core.instance import InstanceRef

from assets_defs import definitions, error_messages
from assets_defs import instance as dagster_instance
from pipelines.kili import ledger
from pipelines.landing import discovery
from pipelines.settings import Settings

LOG: Final = "last_run.log"
_GRACE: Final = 10  # seconds
_NO_COMPUTE_LOGS: Final = {  # last_run.log has the output; compute logs take two processes a step, noisy at Ctrl-C
    "compute_logs": {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
}
_QUIET: Final[dict[str, Any]] = {"loggers": {definitions.QUIET: {}}}


@dataclass(frozen=True)
class Run:
    """The result of a run: the error messages, or the result of the load."""

    failures: list[str]
    load: ledger.Load | None


def run(settings: Settings, found: list[discovery.FoundExport]) -> Run:
    """Runs the whole job on the exports found in KILI_EXPORTS, and on the exports that it pulls from Kili.

    The output of dbt and Dagster goes to last_run.log in the warehouse's work folder.

    Raises `KeyboardInterrupt`.
    """
    loads: list[ledger.Load] = []
    built = definitions.build(settings, found, loads.append)
    job = built.resolve_job_def(definitions.JOB)
    folder = dagster_instance.prepare(settings)
    with (
        dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(folder), overrides=_NO_COMPUTE_LOGS)) as instance,
        (settings.work / LOG).open("w") as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),  # Dagster writes events that it cannot store here, with values of the data
        _interruptible(),
    ):
        result = job.execute_in_process(instance=instance, raise_on_error=False, run_config=_QUIET)
    steps = [event for event in result.all_events if event.is_step_failure]
    failed = [error_messages.full(event, settings, settings.work / LOG) for event in steps]
    if not result.success and not failed:
        failed = [str(event.message) for event in result.all_events if event.is_failure]
    return Run(failed, loads[-1] if result.success else None)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Raises `KeyboardInterrupt` after Ctrl-C. Dagster turns it into a failure of the step and may retry the step.

    A step that has not stopped after `_GRACE` seconds ends with this process. The next run can continue from any point.
    """
    interrupted = threading.Event()
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    previous = signal.set_wakeup_fd(write_end)
    listener = threading.Thread(target=_end_if_interrupted, args=(read_end, interrupted), daemon=True)
    listener.start()
    try:
        yield
    except dg.DagsterExecutionInterruptedError:
        interrupted.set()
    finally:
        signal.set_wakeup_fd(previous)
        os.close(write_end)
        listener.join()
    if interrupted.is_set():
        raise KeyboardInterrupt


def _end_if_interrupted(read_end: int, interrupted: threading.Event) -> None:
    while number := os.read(read_end, 1):
        if number[0] == signal.SIGINT and not interrupted.is_set():
            interrupted.set()
            timer = threading.Timer(_GRACE, os._exit, [128 + signal.SIGINT])
            timer.daemon = True
            timer.start()
    os.close(read_end)
