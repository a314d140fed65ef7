"""Automatic runs of the whole job: a sensor on the landing folder, and a schedule."""

import hashlib
from typing import Final

import dagster as dg
from dagster._core.storage.tags import RUN_KEY_TAG

from pipelines.kili import packaging
from pipelines.landing import discovery
from pipelines.landing.new_exports import Loaded, ScanResult, find_new
from pipelines.publishing import contents
from pipelines.publishing import release as releases
from pipelines.settings import Settings

WAITS_FOR_WRITERS: Final = {"kili/waits_for_writers": "true"}  # tag of runs that skip unfinished files

_INTERVAL: Final = 30  # seconds
_UNDER_WAY: Final = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_NO_EXPORTS: Final = "KILI_EXPORTS is not set: it names the file, folder or glob of Kili exports to watch"


def sensor(settings: Settings, job_name: str) -> dg.SensorDefinition:
    """Lists the exports in KILI_EXPORTS and requests one run of the job for all new ones."""

    @dg.sensor(
        job_name=job_name,
        minimum_interval_seconds=_INTERVAL,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts one run for all exports in KILI_EXPORTS whose content the warehouse does not hold.",
    )
    def new_exports(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if settings.exports is None:
            return dg.SkipReason(_NO_EXPORTS)
        if run := _run_under_way(context.instance, job_name):
            return dg.SkipReason(
                f"run {run.run_id} is {_status(run)}: the sensor looks for new exports when it has ended"
            )
        try:
            loaded = Loaded(contents.export_ids(settings.warehouse), contents.unreadable(settings.warehouse))
            scan = find_new(settings, settings.exports, loaded, packaging.has_documents)
        except discovery.NoExport as error:
            return dg.SkipReason(str(error))
        if not scan.new:
            return dg.SkipReason(f"nothing new: the warehouse holds {scan.known} exports{_waiting(scan)}")
        key = _key(settings, scan)
        if run := _ended_run_of_key(context.instance, job_name, key):
            return dg.SkipReason(
                f"run {run.run_id} of these {len(scan.new)} new exports ended with status {_status(run)}: fix its error"
                f" and launch it again. The next scheduled run, or a run for further exports, also loads them"
                f"{_waiting(scan)}"
            )
        return dg.RunRequest(key, tags=WAITS_FOR_WRITERS)

    return new_exports


def schedule(settings: Settings, job_name: str) -> dg.ScheduleDefinition:
    """Runs the job at the times of KILI_SCHEDULE, whether or not the sensor has found exports."""

    @dg.schedule(
        job_name=job_name,
        cron_schedule=settings.schedule,
        execution_timezone=settings.schedule_timezone.key,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Runs the whole job at the times of KILI_SCHEDULE, unless a run is under way.",
    )
    def scheduled_run(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if settings.exports is None and not settings.pull_projects:
            return dg.SkipReason(_NO_EXPORTS)
        if run := _run_under_way(context.instance, job_name):
            return dg.SkipReason(f"run {run.run_id} is {_status(run)}")
        return dg.RunRequest(tags=WAITS_FOR_WRITERS)

    return scheduled_run


def _run_under_way(instance: dg.DagsterInstance, job_name: str) -> dg.DagsterRun | None:
    return next(iter(instance.get_runs(dg.RunsFilter(job_name=job_name, statuses=_UNDER_WAY), limit=1)), None)


def _ended_run_of_key(instance: dg.DagsterInstance, job_name: str, key: str) -> dg.DagsterRun | None:
    """The ended run with this key, if any. Dagster ignores a second request with the same key and gives no reason."""
    runs = instance.get_runs(dg.RunsFilter(job_name=job_name, tags={RUN_KEY_TAG: key}))
    return next((run for run in runs if run.is_finished), None)


def _key(settings: Settings, scan: ScanResult) -> str:
    """A hash of the new exports and the current release: the sensor requests each set of exports once per release."""
    release = releases.current(settings.warehouse)
    parts = [release.id if release else "", *sorted(scan.new)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _status(run: dg.DagsterRun) -> str:
    return run.status.value.lower().replace("_", " ")


def _waiting(scan: ScanResult) -> str:
    if not scan.waiting:
        return ""
    more = f" and {len(scan.waiting) - 1} more" if len(scan.waiting) > 1 else ""
    return f"; skipped as unfinished or unreadable: {scan.waiting[0]}{more}"
