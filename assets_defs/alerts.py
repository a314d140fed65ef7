"""Alerts: posts each failed run, failed or warned check and stale schema to a webhook, once until it is resolved."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from typing import Final, Literal

import dagster as dg

from assets_defs import error_messages, webhook
from pipelines.settings import Settings

_MAX_RUNS: Final = 20  # a tick
_End = Literal[dg.DagsterEventType.RUN_SUCCESS, dg.DagsterEventType.RUN_FAILURE]
_ENDS: Final[tuple[_End, ...]] = (dg.DagsterEventType.RUN_SUCCESS, dg.DagsterEventType.RUN_FAILURE)
_WILL_RETRY: Final = "dagster/will_retry"


class Level(IntEnum):
    """Severity of an incident."""

    FINE = 0
    WARNED = 1
    FAILED = 2


_STALE: Final = {"WARN": Level.WARNED, "FAIL": Level.FAILED}


@dataclass
class Incidents:
    """The open incidents and their level, by name. They are the sensor's cursor.

    last_event: id of the newest end of a run that the sensor has read.

    An incident is posted when it begins, when a warning becomes a failure, and when it is resolved. Runs that leave it
    as it was post nothing.
    """

    last_event: int
    open: dict[str, int] = field(default_factory=dict)

    def update(self, name: str, level: Level, reason: str = "") -> Iterator[str]:
        """Sets the level of an incident and yields the sentence to post, if any."""
        before = self.open.get(name, Level.FINE)
        if level > before:
            yield f"{level.name.capitalize()}: {name}{reason and f' – {reason}'}"
        elif level < before and level == Level.FINE:
            yield f"Resolved: {name}"
        self.open[name] = level
        if level == Level.FINE:
            del self.open[name]


def sensor(settings: Settings, dated: Iterable[dg.AssetKey]) -> dg.SensorDefinition:
    """Posts new and resolved incidents to KILI_ALERT_WEBHOOK. `dated` are the assets with a freshness policy.

    Each tick posts one message. The cursor moves only if the webhook accepts it. Otherwise a later tick posts the same
    incidents, together with newer ones.
    """
    keys = list(dated)

    @dg.sensor(
        name="alerts",
        description="Posts failed runs, failed or warned checks and stale data to KILI_ALERT_WEBHOOK, and when each is "
        "resolved.",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING if settings.alert_webhook else dg.DefaultSensorStatus.STOPPED,
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        if settings.alert_webhook is None:
            return dg.SensorResult(skip_reason="KILI_ALERT_WEBHOOK is not set")
        if context.cursor is None:  # a tick of its own: if a post failed in it, the start of the cursor would be lost
            return dg.SensorResult(skip_reason="starts with the last run", cursor=_cursor(_begin(context.instance)))
        incidents = Incidents(**json.loads(context.cursor))
        messages = [
            *_run_alerts(incidents, context.instance),
            *_freshness_alerts(incidents, keys, context.instance),
        ]
        if messages:
            webhook.post(settings.alert_webhook, f"Kili warehouse {settings.warehouse}", messages)
        summary = f"{len(messages)} alerts posted, {len(incidents.open)} incidents open"
        return dg.SensorResult(skip_reason=summary, cursor=_cursor(incidents))

    return alerts


def _begin(instance: dg.DagsterInstance) -> Incidents:
    """No open incidents. The first tick reads the last run that ended."""
    last = [instance.fetch_run_status_changes(kind, limit=1).records for kind in _ENDS]
    return Incidents(max((record.storage_id for records in last for record in records), default=0) - 1)


def _cursor(incidents: Incidents) -> str:
    return json.dumps(asdict(incidents))


def _run_alerts(incidents: Incidents, instance: dg.DagsterInstance) -> Iterator[str]:
    """Alerts of the runs that ended since the last tick, in the order in which they ended."""
    ends = [
        record
        for kind in _ENDS
        for record in instance.fetch_run_status_changes(
            dg.RunStatusChangeRecordsFilter(kind, after_storage_id=incidents.last_event),
            limit=_MAX_RUNS,
            ascending=True,
        ).records
    ]
    for end in sorted(ends, key=lambda record: record.storage_id)[:_MAX_RUNS]:
        incidents.last_event = end.storage_id
        run = instance.get_run_by_id(end.run_id)
        if run is not None:
            yield from _alerts_of_run(incidents, run, end.event_log_entry.get_dagster_event().message or "", instance)


def _alerts_of_run(
    incidents: Incidents, run: dg.DagsterRun, message: str, instance: dg.DagsterInstance
) -> Iterator[str]:
    """Alerts of the run and of its checks. `message` is Dagster's reason for the end of the run.

    A failed run that Dagster will retry is no incident yet.
    """
    kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.ASSET_CHECK_EVALUATION}
    events = [
        record.event_log_entry.get_dagster_event()
        for record in instance.get_records_for_run(run.run_id, of_type=kinds).records
    ]
    failed = "; ".join(error_messages.short(event) for event in events if event.is_step_failure)
    if run.is_success or run.tags.get(_WILL_RETRY) != "true":
        level = Level.FINE if run.is_success else Level.FAILED
        yield from incidents.update(f"job {run.job_name}", level, failed or message)
    for event in events:
        if not event.is_step_failure:
            yield from _check_alerts(incidents, event.asset_check_evaluation_data)


def _check_alerts(incidents: Incidents, check: dg.AssetCheckEvaluation) -> Iterator[str]:
    severity = Level.WARNED if check.severity == dg.AssetCheckSeverity.WARN else Level.FAILED
    name = f"check {check.check_name} of {check.asset_key.to_user_string()}"
    yield from incidents.update(name, Level.FINE if check.passed else severity, check.description or "")


def _freshness_alerts(incidents: Incidents, keys: Sequence[dg.AssetKey], instance: dg.DagsterInstance) -> Iterator[str]:
    """Alerts of stale schemas. A schema has the level of its stalest table."""
    stale = dict.fromkeys((key.path[0] for key in keys), Level.FINE)
    for key, record in instance.get_freshness_state_records(keys).items():
        schema = key.path[0]
        stale[schema] = max(stale[schema], _STALE.get(record.freshness_state.value, Level.FINE))
    for schema, level in stale.items():
        yield from incidents.update(f"freshness of {schema}", level, "no run has updated it within its time limit")
