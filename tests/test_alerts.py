"""Alerts: real runs on a real Dagster instance, posted to a real HTTP server once per incident."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange
from helpers import webhook as hook

from assets_defs import alerts, webhook
from pipelines import settings

THING = dg.AssetKey(["marts", "thing"])
GOOD, WARNED, FAILED, BROKEN = "good", "warned", "failed", "broken"


@dg.asset(key=THING)
def thing(context: dg.AssetExecutionContext) -> None:
    if context.run.tags["state"] == BROKEN:
        raise dg.Failure("the disk is full")


@dg.asset_check(asset=THING)
def is_right(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    state = context.run.tags["state"]
    severity = dg.AssetCheckSeverity.WARN if state == WARNED else dg.AssetCheckSeverity.ERROR
    return dg.AssetCheckResult(passed=state == GOOD, severity=severity, description="2 of <3> are wrong")


@dataclass
class Watched:
    """A code location with one asset, its check and its alerts, and the webhook that receives them."""

    hook: hook.Hook
    instance: dg.DagsterInstance
    sensor: dg.SensorDefinition
    cursor: str | None = None

    def run(self, state: str, **tags: str) -> None:
        job = dg.Definitions([thing], asset_checks=[is_right], jobs=[dg.define_asset_job("all")]).resolve_job_def("all")
        job.execute_in_process(instance=self.instance, raise_on_error=False, tags={"state": state, **tags})

    def look(self) -> list[str]:
        """Runs one tick of the sensor, at first two. Returns the posted messages. A failed tick keeps the cursor."""
        while self._tick() is None:
            pass
        return self.hook.told()

    def _tick(self) -> str | None:
        before = self.cursor
        with dg.build_sensor_context(instance=self.instance, cursor=before) as context:
            self.cursor = self.sensor.evaluate_tick(context).cursor
        return before

    def freshness(self, state: FreshnessState) -> None:
        """The event that Dagster's freshness daemon writes."""
        change = FreshnessStateChange(
            key=THING, new_state=state, previous_state=FreshnessState.UNKNOWN, state_change_timestamp=0.0
        )
        self.instance._report_runless_asset_event(change)


def chosen(folder: Path, url: str | None) -> settings.Settings:
    return settings.from_environment().at(None, folder).model_copy(update={"alert_webhook": url})


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    settings = {"run_retries": {"enabled": True, "max_retries": 0}, "telemetry": {"enabled": False}}
    with (
        hook.listening() as listening,
        dg.DagsterInstance.local_temp(str(tmp_path), overrides=settings) as instance,
    ):
        yield Watched(listening, instance, alerts.sensor(chosen(tmp_path, listening.url), [THING]))


def test_an_incident_is_posted_when_it_begins_and_when_it_is_resolved(watched: Watched) -> None:
    told = []
    for state in (GOOD, FAILED, FAILED, GOOD):
        watched.run(state)
        told.append(watched.look())
        assert watched.look() == []
    failed = "Failed: check is_right of marts/thing – 2 of &lt;3&gt; are wrong"
    assert told == [[], [failed], [], ["Resolved: check is_right of marts/thing"]]


def test_a_warning_that_becomes_a_failure_is_posted_again(watched: Watched) -> None:
    told = []
    for state in (WARNED, FAILED, WARNED, GOOD):
        watched.run(state)
        told += watched.look()
    assert [line.split(":")[0] for line in told] == ["Warned", "Failed", "Resolved"]


def test_consecutive_failed_runs_are_one_incident_until_a_run_succeeds(watched: Watched) -> None:
    told = []
    for state in (BROKEN, BROKEN, GOOD):
        watched.run(state)
        told.append(watched.look())
    assert told == [["Failed: job all – marts/thing: the disk is full"], [], ["Resolved: job all"]]


def test_a_failed_run_that_dagster_retries_is_not_an_incident(watched: Watched) -> None:
    watched.run(BROKEN, **{"dagster/max_retries": "1"})
    assert watched.look() == []


def test_stale_data_is_posted_once_per_schema(watched: Watched) -> None:
    states = [FreshnessState.PASS, FreshnessState.WARN, FreshnessState.WARN, FreshnessState.FAIL, FreshnessState.PASS]
    told = []
    for state in states:
        watched.freshness(state)
        told += watched.look()
    assert [line.split(" – ")[0] for line in told] == [
        "Warned: freshness of marts",
        "Failed: freshness of marts",
        "Resolved: freshness of marts",
    ]


@pytest.mark.parametrize("status", [302, 500])
def test_a_message_that_the_webhook_refuses_is_sent_later_and_once(watched: Watched, status: int) -> None:
    watched.run(BROKEN)
    watched.hook.status = status
    for _ in range(2):
        with pytest.raises(webhook.Undelivered, match=f"^the webhook answered {status}$"):
            watched.look()
    watched.run(FAILED)
    watched.hook.status = 200
    assert [line.split(" – ")[0] for line in watched.look()] == [
        "Failed: job all",
        "Resolved: job all",
        "Failed: check is_right of marts/thing",
    ]
    assert watched.look() == []


def test_the_error_of_an_unreachable_webhook_does_not_contain_its_url(watched: Watched) -> None:
    watched.run(BROKEN)
    url = watched.hook.url
    watched.hook.shutdown()
    watched.hook.server_close()
    with pytest.raises(webhook.Undelivered) as raised:
        watched.look()
    assert str(raised.value) == "the webhook did not answer: ConnectionRefusedError"
    assert (raised.value.__cause__, raised.value.__suppress_context__) == (None, True)
    assert url not in repr(chosen(Path(), url))


def test_without_a_webhook_the_sensor_is_stopped_with_a_reason(tmp_path: Path) -> None:
    silent = alerts.sensor(chosen(tmp_path, None), [])
    assert silent.default_status == dg.DefaultSensorStatus.STOPPED
    with dg.build_sensor_context() as context:
        assert "KILI_ALERT_WEBHOOK is not set" in str(silent.evaluate_tick(context).skip_message)


def test_a_message_has_slacks_format() -> None:
    with hook.listening() as listening:
        webhook.post(listening.url, "Title", [f"{'&' * 3000}", *map(str, range(100))])
        message: Any = listening.taken[0]
    assert message["text"].startswith("Title\n&amp;")
    assert len(message["blocks"]) <= 50
    assert all(len(block["text"]["text"]) <= 3000 for block in message["blocks"])
    assert message["blocks"][-1]["text"]["text"] == "… and 56 more"
    assert json.dumps(message["blocks"][0]) == '{"type": "section", "text": {"type": "mrkdwn", "text": "*Title*"}}'
