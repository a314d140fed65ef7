"""Detects runs whose process has ended, such as after a power failure, so that run monitoring fails them."""

import dagster as dg
import psutil
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus


class Launcher(dg.DefaultRunLauncher):
    """Dagster's default launcher, with a health check of a run's process for run monitoring."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """RUNNING while the process that started the run exists, else FAILED."""
        for started in self._instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_START):
            pid = started.get_dagster_event().pid
            if pid is not None and not lives(pid, started.timestamp):
                return CheckRunHealthResult(WorkerStatus.FAILED, f"its process, {pid}, is gone")
        return CheckRunHealthResult(WorkerStatus.RUNNING)


def lives(pid: int, since: float) -> bool:
    """Whether the process with this id at that time still runs. A later process may have the same id."""
    try:
        process = psutil.Process(pid)
        return bool(process.create_time() <= since and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
