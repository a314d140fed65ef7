"""Fails runs whose process has ended, for example after a power cut, so that they free the warehouse's pool."""

import dagster as dg
import psutil
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus


class Launcher(dg.DefaultRunLauncher):
    """Dagster's default launcher, with a health check for run monitoring: does the process of a run still exist?"""

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """RUNNING while the process that started the run exists, FAILED afterwards."""
        for started in self._instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_START):
            pid = started.get_dagster_event().pid
            if pid is not None and not is_alive(pid, started.timestamp):
                return CheckRunHealthResult(WorkerStatus.FAILED, f"its process {pid} has ended")
        return CheckRunHealthResult(WorkerStatus.RUNNING)


def is_alive(pid: int, since: float) -> bool:
    """Whether the process that had this id at the time `since` still runs. A later process may have the same id."""
    try:
        process = psutil.Process(pid)
        return bool(process.create_time() <= since and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
