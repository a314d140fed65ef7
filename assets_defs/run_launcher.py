"""Runs whose process is gone, as after a power cut: run monitoring fails them, and what they held is free again."""

import dagster as dg
import psutil
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus


class Launcher(dg.DefaultRunLauncher):
    """Dagster's own launcher, which can also tell run monitoring whether the process of a run is still there."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """RUNNING while the process that reported the run's start lives; FAILED once it is gone."""
        for started in self._instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_START):
            pid = started.get_dagster_event().pid
            if pid is not None and not lives(pid, started.timestamp):
                return CheckRunHealthResult(WorkerStatus.FAILED, f"its process, {pid}, is gone")
        return CheckRunHealthResult(WorkerStatus.RUNNING)


def lives(pid: int, since: float) -> bool:
    """Whether the process that had this number at a time still runs: one born later only has its number."""
    try:
        process = psutil.Process(pid)
        return bool(process.create_time() <= since and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
