"""Alerts: a failed run, a failed or warned check and stale data are posted to a webhook, once until they are mended."""

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
    """How bad a thing is."""

    FINE = 0
    WARNED = 1
    FAILED = 2


_STALE: Final = {"WARN": Level.WARNED, "FAIL": Level.FAILED}


@dataclass
class Incidents:
    """What is told and not yet mended, by name: the sensor's cursor. `last_event` is the newest end of a run looked at.

    An incident is told when it begins, again if a warning becomes a failure, and when it is over; not at each run that
    finds it as it was.
    """

    last_event: int
    open: dict[str, int] = field(default_factory=dict)

    def note(self, name: str, level: Level, words: str = "") -> Iterator[str]:
        """What there is to tell of a thing seen: a sentence or nothing."""
        before = self.open.get(name, Level.FINE)
        if level > before:
            yield f"{level.name.capitalize()}: {name}{words and f' – {words}'}"
        elif level < before and level == Level.FINE:
            yield f"Resolved: {name}"
        self.open[name] = level
        if level == Level.FINE:
            del self.open[name]


def sensor(settings: Settings, dated: Iterable[dg.AssetKey]) -> dg.SensorDefinition:
    """Posts what is new to KILI_ALERT_WEBHOOK; `dated` are the assets with a freshness policy.

    All that a look finds is one message. Only if it was taken does the cursor move: a message that the webhook did not
    take is sent by a later look, with what has come to pass since.
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
            return dg.SensorResult(skip_reason="KILI_ALERT_WEBHOOK is not set: there is nobody to tell")
        if context.cursor is None:  # not in one look with a message, which would be lost if it was not taken
            return dg.SensorResult(skip_reason="begins with the last run", cursor=_written(_begin(context.instance)))
        found = Incidents(**json.loads(context.cursor))
        told = [*_of_runs(found, context.instance), *_of_freshness(found, keys, context.instance)]
        if told:
            webhook.post(settings.alert_webhook, f"Kili warehouse {settings.warehouse}", told)
        return dg.SensorResult(skip_reason=f"{len(told)} told, {len(found.open)} open", cursor=_written(found))

    return alerts


def _begin(instance: dg.DagsterInstance) -> Incidents:
    """Nothing told yet, and the last run there was still to be looked at."""
    last = [instance.fetch_run_status_changes(kind, limit=1).records for kind in _ENDS]
    return Incidents(max((record.storage_id for records in last for record in records), default=0) - 1)


def _written(found: Incidents) -> str:
    return json.dumps(asdict(found))


def _of_runs(found: Incidents, instance: dg.DagsterInstance) -> Iterator[str]:
    """What there is to tell of the runs that ended since, in the order in which they did."""
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
    """The run itself, unless Dagster is to start it again, and what its checks found; `end`: Dagster's words."""
    kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.ASSET_CHECK_EVALUATION}
    said = [
        record.event_log_entry.get_dagster_event()
        for record in instance.get_records_for_run(run.run_id, of_type=kinds).records
    ]
    failed = "; ".join(error_messages.in_words(event) for event in said if event.is_step_failure)
    if run.is_success or run.tags.get(_WILL_RETRY) != "true":
        level = Level.FINE if run.is_success else Level.FAILED
        yield from found.note(f"job {run.job_name}", level, failed or end)
    for event in said:
        if not event.is_step_failure:
            yield from _of_check(found, event.asset_check_evaluation_data)


def _of_check(found: Incidents, check: dg.AssetCheckEvaluation) -> Iterator[str]:
    bad = Level.WARNED if check.severity == dg.AssetCheckSeverity.WARN else Level.FAILED
    name = f"check {check.check_name} of {check.asset_key.to_user_string()}"
    yield from found.note(name, Level.FINE if check.passed else bad, check.description or "")


def _of_freshness(found: Incidents, keys: Sequence[dg.AssetKey], instance: dg.DagsterInstance) -> Iterator[str]:
    """A schema is as stale as the stalest of its tables."""
    stale = dict.fromkeys((key.path[0] for key in keys), Level.FINE)
    for key, record in instance.get_freshness_state_records(keys).items():
        schema = key.path[0]
        stale[schema] = max(stale[schema], _STALE.get(record.freshness_state.value, Level.FINE))
    for schema, level in stale.items():
        yield from found.note(f"freshness of {schema}", level, "no run has renewed it for longer than it may be")
