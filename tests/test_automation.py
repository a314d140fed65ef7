"""Automatic runs: when the sensor and the schedule start a run, and which exports it loads."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from conftest import SAMPLES
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from helpers.exporting import asset, written

from assets_defs import automation, landing
from pipelines import settings
from pipelines.kili import readings
from pipelines.landing import cache, fingerprints
from pipelines.settings import Settings

JOB = "kili_warehouse"
UNDER_WAY = (dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as made:
        yield made


@pytest.fixture
def watched(warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A landing folder with all exports of the samples' warehouse. Files count as finished at once."""
    monkeypatch.setattr(fingerprints, "_QUIET", 0)
    monkeypatch.setattr(cache, "_GRANULE", 0)
    shutil.copytree(SAMPLES, tmp_path / "exports")
    return settings.from_environment().at(str(tmp_path / "exports"), warehouse)


def drop(watched: Settings, name: str) -> Path:
    """Writes a new export to the landing folder, with one asset of the same name."""
    return written(Path(watched.exports or "") / name, [asset(name)])


def look(instance: dg.DagsterInstance, watched: Settings) -> dg.RunRequest | str:
    """The run request of a tick of the sensor, or its reason to skip."""
    told = automation.sensor(watched, JOB)(dg.build_sensor_context(instance))
    if isinstance(told, dg.SkipReason):
        return told.skip_message or ""
    assert isinstance(told, dg.RunRequest)
    return told


def run(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, request: dg.RunRequest | None = None) -> str:
    """A run of the job in Dagster's storage, as the daemon makes it of a request."""
    tags = {**request.tags, "dagster/run_key": request.run_key or ""} if request else {}
    location = InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="assets_defs.definitions"))
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), JOB)
    return instance.add_run(dg.DagsterRun(JOB, status=status, tags=tags, remote_job_origin=origin)).run_id


def test_loaded_content_is_not_new_under_another_name_or_date(
    instance: dg.DagsterInstance, watched: Settings, tmp_path: Path
) -> None:
    assert look(instance, watched) == "nothing new: the warehouse holds 11 exports"
    os.utime(tmp_path / "exports" / "seed_page.json")
    shutil.copy(SAMPLES / "seed_page.json", tmp_path / "exports" / "again.json")
    for half in (".hidden.json", "half.json.part", "half.zip.crdownload", "half.json.tmp"):
        drop(watched, half)
    assert look(instance, watched) == "nothing new: the warehouse holds 12 exports"


def test_a_late_file_with_an_old_date_is_new(instance: dg.DagsterInstance, watched: Settings) -> None:
    os.utime(drop(watched, "late.json"), (0, 0))
    assert isinstance(look(instance, watched), dg.RunRequest)


def test_500_files_at_once_are_one_run_and_each_set_is_requested_once(
    instance: dg.DagsterInstance, watched: Settings
) -> None:
    for number in range(500):
        drop(watched, f"{number}.json")
    first = look(instance, watched)
    assert isinstance(first, dg.RunRequest)
    assert look(instance, watched) == first
    for status in UNDER_WAY:
        run_id = run(instance, status, first)
        assert f"run {run_id} is {status.value.lower()}" in str(look(instance, watched))
        instance.delete_run(run_id)


def test_exports_of_a_failed_run_are_requested_again_only_with_a_further_export(
    instance: dg.DagsterInstance, watched: Settings
) -> None:
    drop(watched, "one.json")
    first = look(instance, watched)
    assert isinstance(first, dg.RunRequest)
    run(instance, dg.DagsterRunStatus.FAILURE)
    assert look(instance, watched) == first
    failed = run(instance, dg.DagsterRunStatus.FAILURE, first)
    assert f"run {failed} of these 1 new exports ended with status failure" in str(look(instance, watched))
    drop(watched, "two.json")
    second = look(instance, watched)
    assert isinstance(second, dg.RunRequest)
    assert second.run_key != first.run_key


def test_an_export_missing_from_a_new_release_is_requested_again(
    instance: dg.DagsterInstance, watched: Settings, tmp_path: Path
) -> None:
    drop(watched, "one.json")
    first = look(instance, watched)
    assert isinstance(first, dg.RunRequest)
    run(instance, dg.DagsterRunStatus.SUCCESS, first)
    assert isinstance(look(instance, watched), str)
    facts = tmp_path / "warehouse" / "current" / "release.json"
    facts.write_text(facts.read_text().replace('"id": "2', '"id": "1'))
    assert isinstance(look(instance, watched), dg.RunRequest)


def test_unfinished_files_are_skipped_and_reported(
    instance: dg.DagsterInstance, watched: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = Path(watched.exports or "") / "cut.zip"
    cut.write_bytes((SAMPLES / "review_normal_single_file.zip").read_bytes()[:1000])
    skipped = f"nothing new: the warehouse holds 11 exports; skipped as unfinished or unreadable: {cut}"
    assert look(instance, watched) == skipped
    monkeypatch.setattr(fingerprints, "_QUIET", 60)
    drop(watched, "young.json")
    assert "and 12 more" in str(look(instance, watched))


def test_unreadable_files_are_reported_and_start_no_run(instance: dg.DagsterInstance, watched: Settings) -> None:
    exports = Path(watched.exports or "")
    pipe, made = exports / "pipe.json", exports / "made"
    os.mkfifo(pipe)
    written(made / "README.kili.txt", b"")
    os.mkfifo(made / "data.json")
    skipped = f"nothing new: the warehouse holds 11 exports; skipped as unfinished or unreadable: {made} and 1 more"
    assert look(instance, watched) == skipped
    (made / "data.json").rename(made / "labels")
    written(made / "data.json", [asset("made")])
    assert isinstance(look(instance, watched), dg.RunRequest), "for what can be read of the folder"


def test_a_file_that_becomes_readable_starts_a_run_even_with_known_content(
    instance: dg.DagsterInstance, watched: Settings
) -> None:
    late = Path(watched.exports or "") / "late.json"
    with duckdb.connect(str(watched.warehouse / "warehouse.duckdb")) as db:
        db.execute(
            """insert into kili.exports by name
            select * replace (? as export_id, ? as file_url) from kili.exports limit 1""",
            [readings.unreadable_id(str(late)), str(late)],
        )
    os.mkfifo(late)
    skipped = f"nothing new: the warehouse holds 11 exports; skipped as unfinished or unreadable: {late}"
    assert look(instance, watched) == skipped
    late.unlink()
    shutil.copy(SAMPLES / "seed_page.json", late)
    assert isinstance(look(instance, watched), dg.RunRequest)


def test_an_automatic_run_skips_unfinished_files(instance: dg.DagsterInstance, watched: Settings) -> None:
    cut = Path(watched.exports or "") / "cut.zip"
    cut.write_bytes(b"PK")

    def found(tags: dict[str, str]) -> int:
        done = dg.materialize(
            [landing.exports()], instance=instance, resources={"settings": watched, "warehouse_lock": None}, tags=tags
        )
        return len(done.output_for_node("landing__kili"))

    assert found(dict(automation.WAITS_FOR_WRITERS)) == 11
    assert found({}) == 12


@pytest.mark.parametrize(
    ("exports", "reason"),
    [
        (None, "KILI_EXPORTS is not set: it names the file, folder or glob of Kili exports to watch"),
        ("/no/such/folder", "no such file or folder: /no/such/folder"),
        ("nosuch://bucket", "cannot read nosuch://bucket: Protocol not known: nosuch"),
    ],
)
def test_an_unreadable_landing_folder_gives_a_clear_message(
    instance: dg.DagsterInstance, watched: Settings, exports: str | None, reason: str
) -> None:
    assert look(instance, watched.model_copy(update={"exports": exports})) == reason


def test_files_that_are_too_slow_to_hash_in_a_tick_are_left_to_the_run(
    instance: dg.DagsterInstance, watched: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[Path] = []
    monkeypatch.setattr("pipelines.landing.new_exports._MAX_HASHED", 10)
    monkeypatch.setattr("pipelines.landing.local_files.identify", lambda path: hashed.append(path))
    drop(watched, "large.json")
    request = look(instance, watched)
    assert isinstance(request, dg.RunRequest)
    assert look(instance, watched) == request
    assert hashed == []


def test_the_schedule_starts_a_run_unless_one_is_under_way(instance: dg.DagsterInstance, watched: Settings) -> None:
    def tick(chosen: Settings) -> object:
        return automation.schedule(chosen, JOB)(dg.build_schedule_context(instance))

    assert isinstance(tick(watched), dg.RunRequest)
    assert "KILI_EXPORTS is not set" in str(tick(watched.model_copy(update={"exports": None})))
    run_id = run(instance, dg.DagsterRunStatus.QUEUED)
    assert tick(watched) == dg.SkipReason(f"run {run_id} is queued")


def test_the_schedule_has_the_cron_expression_of_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("KILI_SCHEDULE", "*/5 8-17 * * mon-fri"), ("KILI_SCHEDULE_TIMEZONE", "Europe/Paris")):
        monkeypatch.setenv(name, value)
    made = automation.schedule(settings.from_environment(), JOB)
    assert (made.cron_schedule, made.execution_timezone) == ("*/5 8-17 * * mon-fri", "Europe/Paris")
