"""Settings: values that each variable accepts, errors about wrong ones, and the page that documents them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from conftest import ROOT, SAMPLES
from pydantic import ValidationError

from pipelines import cli, settings, settings_page

PETABYTES = "a whole number of bytes up to 1125899906842624"
POSTGRES = "a URL such as `postgresql://user:password@host/database`"
HOSTS = "host names with commas between them, such as `warehouse.example.org`"
CRON = "a five-field cron expression such as `0 6 * * *`"
ZONE = "a time zone such as `Europe/Paris`"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A separate folder, without the settings of the developer's environment."""
    for name in [name for name in os.environ if name.startswith("KILI_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def refusal() -> str:
    with pytest.raises(settings.BadSetting) as refused:
        settings.from_environment()
    return str(refused.value)


def test_without_variables_each_setting_has_its_default(tmp_path: Path) -> None:
    assert settings.from_environment().model_dump() == {
        "exports": None,
        "warehouse": tmp_path / "warehouse",
        "project_id": None,
        "timezone": ZoneInfo("UTC"),
        "pull_projects": (),
        "api_key": "",
        "api_endpoint": "https://cloud.kili-technology.com/api/label/v2/graphql",
        "max_entry_bytes": 8 << 30,
        "max_compression_ratio": 400,
        "max_record_bytes": 1 << 30,
        "workers": len(os.sched_getaffinity(0)),
        "is_key_frames_only": False,
        "is_pseudonymised": False,
        "pseudonym_key": "",
        "relabel_iou": 0.5,
        "score_key_frames_only": False,
        "max_rejected_share": 0.05,
        "max_load_age_hours": 48,
        "max_label_age_days": 0,
        "alert_webhook": None,
        "schedule": "0 6 * * *",
        "schedule_timezone": ZoneInfo("UTC"),
        "as_of_folder": None,
        "ui_hosts": (),
        "dagster_postgres": None,
    }


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("KILI_EXPORTS", "s3://labels/*.zip", "exports", "s3://labels/*.zip"),
        ("KILI_WAREHOUSE", "~", "warehouse", Path.home()),
        ("KILI_PROJECT_ID", "clx0a", "project_id", "clx0a"),
        ("KILI_EXPORT_TIMEZONE", "Europe/Paris", "timezone", ZoneInfo("Europe/Paris")),
        ("KILI_API_ENDPOINT", "http://localhost/graphql", "api_endpoint", "http://localhost/graphql"),
        ("KILI_MAX_ENTRY_BYTES", "1125899906842624", "max_entry_bytes", 1 << 50),
        ("KILI_MAX_COMPRESSION_RATIO", "1000000", "max_compression_ratio", 1_000_000),
        ("KILI_MAX_RECORD_BYTES", "0", "max_record_bytes", 0),
        ("KILI_WORKERS", "0", "workers", 1),
        ("KILI_WORKERS", "1024", "workers", 1024),
        ("KILI_KEY_FRAMES_ONLY", "TRUE", "is_key_frames_only", True),
        ("KILI_RELABEL_IOU", "1", "relabel_iou", 1.0),
        ("KILI_SCORE_KEY_FRAMES_ONLY", "true", "score_key_frames_only", True),
        ("KILI_MAX_REJECTED_SHARE", "0.25", "max_rejected_share", 0.25),
        ("KILI_MAX_LOAD_AGE_HOURS", "0", "max_load_age_hours", 0),
        ("KILI_MAX_LABEL_AGE_DAYS", "36600", "max_label_age_days", 36_600),
        ("KILI_ALERT_WEBHOOK", "https://hooks.example.com/x", "alert_webhook", "https://hooks.example.com/x"),
        ("KILI_SCHEDULE", "*/5 8-17 * * mon-fri", "schedule", "*/5 8-17 * * mon-fri"),
        ("KILI_SCHEDULE_TIMEZONE", "Asia/Tokyo", "schedule_timezone", ZoneInfo("Asia/Tokyo")),
        ("KILI_AS_OF_FOLDER", "~", "as_of_folder", Path.home()),
        ("KILI_UI_HOSTS", " A.example.org, b:8443,", "ui_hosts", ("a.example.org", "b:8443")),
        ("KILI_DAGSTER_POSTGRES_URL", "postgresql+psycopg2://h/d", "dagster_postgres", "postgresql+psycopg2://h/d"),
    ],
)
def test_a_variable_sets_only_its_field(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, field: str, value: object
) -> None:
    before = settings.from_environment().model_dump()
    monkeypatch.setenv(name, text)
    assert settings.from_environment().model_dump() == before | {field: value}
    monkeypatch.setenv(name, "")
    assert settings.from_environment().model_dump() == before, "an empty variable counts as unset"


def test_projects_to_pull_need_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILI_PULL_PROJECTS", "clx0a, clx0b,clx0a")
    assert refusal() == "KILI_API_KEY must be a key of the Kili API if KILI_PULL_PROJECTS is set, got nothing"
    monkeypatch.setenv("KILI_API_KEY", "secret")
    assert settings.from_environment().pull_projects == ("clx0a", "clx0b")


def test_only_the_exact_names_of_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    before = settings.from_environment()
    for name in ("warehouse", "WAREHOUSE", "kili_warehouse", "schedule", "KILI_OF_ANOTHER_TOOL"):
        monkeypatch.setenv(name, "other")
    assert settings.from_environment() == before


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("KILI_EXPORT_TIMEZONE", "Mars/Olympus", f"must be {ZONE}, got `Mars/Olympus`"),
        ("KILI_EXPORT_TIMEZONE", "America", f"must be {ZONE}, got `America`"),
        ("KILI_EXPORT_TIMEZONE", "/etc/passwd", f"must be {ZONE}, got `/etc/passwd`"),
        ("KILI_EXPORT_TIMEZONE", "x" * 9999, f"must be {ZONE}, got `{'x' * 100}… (9999 characters)`"),
        ("KILI_SCHEDULE_TIMEZONE", "Europe", f"must be {ZONE}, got `Europe`"),
        ("KILI_WORKERS", "many", "must be a whole number of processes up to 1024, got `many`"),
        ("KILI_WORKERS", "-1", "must be a whole number of processes up to 1024, got `-1`"),
        ("KILI_WORKERS", "1025", "must be a whole number of processes up to 1024, got `1025`"),
        (
            "KILI_WORKERS",
            "9" * 9999,
            f"must be a whole number of processes up to 1024, got `{'9' * 100}… (9999 characters)`",
        ),
        ("KILI_MAX_ENTRY_BYTES", "1125899906842625", f"must be {PETABYTES}, got `1125899906842625`"),
        ("KILI_MAX_RECORD_BYTES", "1125899906842625", f"must be {PETABYTES}, got `1125899906842625`"),
        ("KILI_MAX_COMPRESSION_RATIO", "1000001", "must be a whole number up to 1000000, got `1000001`"),
        ("KILI_MAX_LOAD_AGE_HOURS", "878401", "must be a whole number of hours up to 878400, got `878401`"),
        ("KILI_MAX_LABEL_AGE_DAYS", "36601", "must be a whole number of days up to 36600, got `36601`"),
        ("KILI_RELABEL_IOU", "1.5", "must be a number from 0 to 1, got `1.5`"),
        ("KILI_MAX_REJECTED_SHARE", "nan", "must be a number from 0 to 1, got `nan`"),
        ("KILI_KEY_FRAMES_ONLY", "si", "must be `true` or `false`, got `si`"),
        ("KILI_SCORE_KEY_FRAMES_ONLY", "2", "must be `true` or `false`, got `2`"),
        ("KILI_PULL_PROJECTS", "a,b/c", "must be project ids with commas between them, got `b/c`"),
        ("KILI_SCHEDULE", "0 6 * *", f"must be {CRON}, got `0 6 * *`"),
        ("KILI_SCHEDULE", "0 6 * * * *", f"must be {CRON}, got `0 6 * * * *`"),
        ("KILI_SCHEDULE", "61 * * * *", f"must be {CRON}, got `61 * * * *`"),
        ("KILI_SCHEDULE", "0 0 30 2 *", f"must be {CRON}, got `0 0 30 2 *`"),
        ("KILI_SCHEDULE", "daily", f"must be {CRON}, got `daily`"),
        ("KILI_SCHEDULE", "@reboot", f"must be {CRON}, got `@reboot`"),
        ("KILI_UI_HOSTS", "good.org,https://bad.org", f"must be {HOSTS}, got `https://bad.org`"),
        ("KILI_UI_HOSTS", "good.org,bad.org/dagster", f"must be {HOSTS}, got `bad.org/dagster`"),
        ("KILI_UI_HOSTS", "*", f"must be {HOSTS}, got `*`"),
        ("KILI_UI_HOSTS", "a b", f"must be {HOSTS}, got `a b`"),
        ("KILI_UI_HOSTS", "a:b", f"must be {HOSTS}, got `a:b`"),
        ("KILI_ALERT_WEBHOOK", "hooks/secret", "must be an address that starts with `https://` or `http://`"),
        ("KILI_DAGSTER_POSTGRES_URL", "mysql://me:secret@host/db", f"must be {POSTGRES}, got `mysql://…`"),
        ("KILI_DAGSTER_POSTGRES_URL", "secret", f"must be {POSTGRES}"),
        ("KILI_DAGSTER_POSTGRES_URL", "me:secret@postgresql://host", f"must be {POSTGRES}"),
    ],
)
def test_a_wrong_value_is_named_with_the_expected_form(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(name, value)
    assert refusal() == f"{name} {sentence}"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("KILI_MAX_RATIO", "KILI_MAX_COMPRESSION_RATIO"),
        ("KILI_STALE_LOAD_HOURS", "KILI_MAX_LOAD_AGE_HOURS"),
        ("KILI_STALE_LABELS_DAYS", "KILI_MAX_LABEL_AGE_DAYS"),
    ],
)
def test_a_renamed_variable_is_refused_with_its_new_name(monkeypatch: pytest.MonkeyPatch, old: str, new: str) -> None:
    monkeypatch.setenv(old, "")
    settings.from_environment()
    monkeypatch.setenv(old, "1")
    assert refusal() == f"{old} was renamed: set {new} instead"


def test_the_command_names_all_wrong_variables_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("KILI_MAX_RATIO", "9"), ("KILI_WORKERS", "many"), ("KILI_KEY_FRAMES_ONLY", "si")):
        monkeypatch.setenv(name, value)
    assert cli.main(["status"]) == 2
    sentences = capsys.readouterr().err.removeprefix("kili-warehouse: ").removesuffix("\n").split("; ")
    assert sorted(sentences) == [
        "KILI_KEY_FRAMES_ONLY must be `true` or `false`, got `si`",
        "KILI_MAX_RATIO was renamed: set KILI_MAX_COMPRESSION_RATIO instead",
        "KILI_WORKERS must be a whole number of processes up to 1024, got `many`",
    ]


@pytest.mark.parametrize(
    ("given", "shown", "reason"),
    [
        ("{tmp}/file", "{tmp}/file", "{tmp}/file is a file"),
        ("{tmp}/file/below/it", "{tmp}/file/below/it", "{tmp}/file is a file"),
        ("{tmp}/loop", "{tmp}/loop", "its links form a loop"),
        ("~nosuchuser/warehouse", "~nosuchuser/warehouse", "there is no such user"),
        (f"/{'x' * 300}", f"/{'x' * 99}… (301 characters)", "File name too long"),
        (f"/{'x/' * 2999}x", f"/{('x/' * 50)[:99]}… (6000 characters)", "File name too long"),
    ],
)
@pytest.mark.parametrize("command", ["run", "status"])
def test_a_warehouse_that_cannot_be_a_folder_is_named(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    command: str,
    given: str,
    shown: str,
    reason: str,
) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "loop").symlink_to("loop")
    warehouse = given.format(tmp=tmp_path)
    sentence = f"must be a folder that exists or can be created, got `{shown}`: {reason}\n".format(tmp=tmp_path)
    exports = ["--exports", str(SAMPLES)] if command == "run" else []
    assert cli.main([command, *exports, "--warehouse", warehouse]) == 2
    assert capsys.readouterr() == ("", f"kili-warehouse: --warehouse {sentence}")
    monkeypatch.setenv("KILI_WAREHOUSE", warehouse)
    assert cli.main([command, *exports]) == 2
    assert capsys.readouterr() == ("", f"kili-warehouse: KILI_WAREHOUSE {sentence}")
    assert (tmp_path / "file").read_text() == "mine"


def test_options_replace_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KILI_EXPORTS", "from variable")
    read = settings.from_environment()
    assert read.at(None, None) == read
    chosen = read.at("from option", Path("elsewhere"))
    assert (chosen.exports, chosen.warehouse) == ("from option", tmp_path / "elsewhere")


def test_reading_settings_changes_no_file(tmp_path: Path) -> None:
    settings.from_environment().at(None, tmp_path / "elsewhere")
    assert list(tmp_path.iterdir()) == []


def test_settings_are_frozen_and_show_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "KILI_API_KEY": "SECRET",
        "KILI_ALERT_WEBHOOK": "https://h/SECRET",
        "KILI_DAGSTER_POSTGRES_URL": "postgresql://SECRET@h/d",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    read = settings.from_environment()
    assert (read.api_key, read.alert_webhook, read.dagster_postgres) == tuple(secrets.values())
    assert "SECRET" not in f"{read!r}{read}"
    with pytest.raises(ValidationError):
        read.workers = 2


def test_reading_settings_imports_no_package_of_this_project_and_no_cron_parser() -> None:
    code = "import sys; from pipelines import settings; settings.from_environment(); print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    imported = set(ran.stdout.split())
    own = {name for name in imported if name.split(".")[0] in ("pipelines", "assets_defs")}
    assert own == {"pipelines", "pipelines.settings", "pipelines.setting_forms"}
    assert "croniter" not in imported


def rows(page: str) -> Iterator[str]:
    return (line for line in page.splitlines() if line.startswith("| `"))


def test_the_page_is_the_generated_one() -> None:
    """After an intended change: python -m pipelines.settings_page > docs/configuration.md"""
    assert (ROOT / "docs" / "configuration.md").read_text() == settings_page.page()


def test_the_page_has_one_row_for_each_setting() -> None:
    variables = [row.split("`")[1] for row in rows(settings_page.page())]
    assert sorted(variables) == sorted(str(field.alias) for field in settings.Settings.model_fields.values())
    assert [row.split("`")[1] for row in rows(settings_page.page()) if row.endswith("| yes |")] == [
        "KILI_API_KEY",
        "KILI_PSEUDONYM_KEY",
        "KILI_ALERT_WEBHOOK",
        "KILI_DAGSTER_POSTGRES_URL",
    ]
