"""Posts failed runs, failed checks, warnings and stale data to a webhook, once each until they are resolved."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from typing import Final, Literal

import dagster as dg

from assets_defs import error_messages, webhook
from pipelines.settings import Settings

_RUNS: Final = 20
_End = Literal[dg.DagsterEventType.RUN_SUCCESS, dg.DagsterEventType.RUN_FAILURE]
_ENDS: Final[tuple[_End, ...]] = (dg.DagsterEventType.RUN_SUCCESS, dg.DagsterEventType.RUN_FAILURE)
_WILL_RETRY: Final = "dagster/will_retry"


class Level(IntEnum):
    """The severity of an incident."""

    FINE = 0
    WARNED = 1
    FAILED = 2


_STALE: Final = {"WARN": Level.WARNED, "FAIL": Level.FAILED}


@dataclass
class Incidents:
    """The open incidents by name, and the newest run event that was processed: the sensor's cursor.

    An incident is posted when it begins, when a warning becomes a failure, and when it is resolved. Unchanged incidents
    are not posted again.
    """

    last_event: int
    open: dict[str, int] = field(default_factory=dict)

    def note(self, name: str, level: Level, words: str = "") -> Iterator[str]:
        """Records the level of an incident; yields a sentence if it has changed."""
        before = self.open.get(name, Level.FINE)
        if level > before:
            yield f"{level.name.capitalize()}: {name}{words and f' – {words}'}"
        elif level < before and level == Level.FINE:
            yield f"Resolved: {name}"
        self.open[name] = level
        if level == Level.FINE:
            del self.open[name]


def sensor(settings: Settings, dated: Iterable[dg.AssetKey]) -> dg.SensorDefinition:
    """Posts new incidents to KILI_ALERT_WEBHOOK. `dated`: the assets with a freshness policy.

    Each tick posts one message. If the webhook does not accept it, the cursor stays, and a later tick sends it again
    with newer incidents.
    """
    keys = list(dated)

    @dg.sensor(
        name="alerts",
        description="Posts failed runs, failed or warned checks and stale data to KILI_ALERT_WEBHOOK, and their end.",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING if settings.alert_webhook else dg.DefaultSensorStatus.STOPPED,
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        if settings.alert_webhook is None:
            return dg.SensorResult(skip_reason="KILI_ALERT_WEBHOOK is not set: alerts are not posted")
        if (
            context.cursor is None
        ):  # the first tick only stores the cursor: a message that was not accepted would be lost
            return dg.SensorResult(skip_reason="begins with the last run", cursor=_written(_begin(context.instance)))
        found = Incidents(**json.loads(context.cursor))
        messages = [*_of_runs(found, context.instance), *_of_freshness(found, keys, context.instance)]
        if messages:
            webhook.post(settings.alert_webhook, f"Kili warehouse {settings.warehouse}", messages)
        return dg.SensorResult(skip_reason=f"{len(messages)} posted, {len(found.open)} open", cursor=_written(found))

    return alerts


def _begin(instance: dg.DagsterInstance) -> Incidents:
    """The first cursor: no open incidents, and the last run still to be processed."""
    last = [instance.fetch_run_status_changes(kind, limit=1).records for kind in _ENDS]
    return Incidents(max((record.storage_id for records in last for record in records), default=0) - 1)


def _written(found: Incidents) -> str:
    return json.dumps(asdict(found))


def _of_runs(found: Incidents, instance: dg.DagsterInstance) -> Iterator[str]:
    """Yields sentences about the runs that ended since the cursor, in their order."""
    ends = [
        record
        for kind in _ENDS
        for record in instance.fetch_run_status_changes(
            dg.RunStatusChangeRecordsFilter(kind, after_storage_id=found.last_event), limit=_RUNS, ascending=True
        ).records
    ]
    for end in sorted(ends, key=lambda record: record.storage_id)[:_RUNS]:
        found.last_event = end.storage_id
        run = instance.get_run_by_id(end.run_id)
        if run is not None:
            yield from _of_run(found, run, end.event_log_entry.get_dagster_event().message or "", instance)


def _of_run(found: Incidents, run: dg.DagsterRun, end: str, instance: dg.DagsterInstance) -> Iterator[str]:
    """Yields sentences about a run, unless Dagster retries it, and about its checks. `end`: Dagster's message."""
    kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.ASSET_CHECK_EVALUATION}
    events = [
        record.event_log_entry.get_dagster_event()
        for record in instance.get_records_for_run(run.run_id, of_type=kinds).records
    ]
    failed = "; ".join(error_messages.in_words(event) for event in events if event.is_step_failure)
    if run.is_success or run.tags.get(_WILL_RETRY) != "true":
        level = Level.FINE if run.is_success else Level.FAILED
        yield from found.note(f"job {run.job_name}", level, failed or end)
    for event in events:
        if not event.is_step_failure:
            yield from _of_check(found, event.asset_check_evaluation_data)


def _of_check(found: Incidents, check: dg.AssetCheckEvaluation) -> Iterator[str]:
    bad = Level.WARNED if check.severity == dg.AssetCheckSeverity.WARN else Level.FAILED
    name = f"check {check.check_name} of {check.asset_key.to_user_string()}"
    yield from found.note(name, Level.FINE if check.passed else bad, check.description or "")


def _of_freshness(found: Incidents, keys: Sequence[dg.AssetKey], instance: dg.DagsterInstance) -> Iterator[str]:
    """Yields sentences about stale schemas. A schema is as stale as its stalest table."""
    stale = dict.fromkeys((key.path[0] for key in keys), Level.FINE)
    for key, record in instance.get_freshness_state_records(keys).items():
        schema = key.path[0]
        stale[schema] = max(stale[schema], _STALE.get(record.freshness_state.value, Level.FINE))
    for schema, level in stale.items():
        yield from found.note(f"freshness of {schema}", level, "no run has renewed it for longer than it may be")
