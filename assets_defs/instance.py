"""Dagster's storage of runs and events: a folder of the warehouse, so that the UI also shows runs of the command."""

import os
from pathlib import Path
from typing import Final

import dagster as dg
import sqlalchemy

from pipelines import rebuildable, settings
from pipelines.settings import Settings

WORKSPACE: Final = Path(__file__).parent.parent / "workspace.yaml"

_CONFIGURATION: Final = """\
telemetry:
  enabled: false
nux:
  enabled: false
python_logs:
  managed_python_loggers: [pipelines, assets_defs]
  python_log_level: INFO
concurrency:
  pools:
    granularity: run
    default_limit: 1
freshness:
  enabled: true
run_launcher:
  module: assets_defs.run_launcher
  class: Launcher
run_monitoring:
  enabled: true
  poll_interval_seconds: 30
  start_timeout_seconds: 180
  max_runtime_seconds: 21600
  free_slots_after_run_end_seconds: 30
run_retries:
  enabled: true
  max_retries: 2
  retry_on_asset_or_op_failure: false
"""
_DATABASES: Final = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db")
_POSTGRES: Final = f"""\
storage:
  postgres:
    postgres_url:
      env: {settings.DAGSTER_POSTGRES_URL}
"""
_MUST_BE: Final = f"{settings.DAGSTER_POSTGRES_URL} must be the URL of a PostgreSQL database"


def prepare(chosen: Settings) -> Path:
    """Creates and returns the folder with its configuration. Raises `BadSetting` if its PostgreSQL does not answer."""
    if chosen.dagster_postgres:
        _connect(chosen.dagster_postgres)
    home = chosen.prepare_work() / "dagster"
    home.mkdir(exist_ok=True)
    for name in _DATABASES:
        rebuildable.remove_damaged_sqlite(home / name, "Dagster's UI starts without its history")
    (home / "dagster.yaml").write_text(_CONFIGURATION + (_POSTGRES if chosen.dagster_postgres else ""))
    return home


def enter(chosen: Settings) -> None:
    """Sets the environment of this process and its children to a warehouse. Raises `BadSetting` like `prepare`."""
    os.environ["DAGSTER_HOME"] = str(prepare(chosen))
    os.environ["KILI_WAREHOUSE"] = str(chosen.warehouse)
    if chosen.exports is not None:
        os.environ["KILI_EXPORTS"] = chosen.exports


def wipe(chosen: Settings) -> None:
    """Deletes the history of runs and events in PostgreSQL. SQLite's files are in the work folder."""
    if not chosen.dagster_postgres:
        return
    with dg.DagsterInstance.from_config(str(prepare(chosen))) as instance:
        instance.wipe()
        instance.schedule_storage.wipe() if instance.schedule_storage else None
    with sqlalchemy.create_engine(chosen.dagster_postgres).connect() as db:
        db.execution_options(isolation_level="AUTOCOMMIT").execute(sqlalchemy.text("vacuum full"))


def _connect(url: str) -> None:
    try:
        sqlalchemy.create_engine(url).connect().close()
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise settings.BadSetting(f"{_MUST_BE}, such as `postgresql://user:password@host/database`") from None
    except sqlalchemy.exc.OperationalError as error:
        raise settings.BadSetting(f"{_MUST_BE} that accepts connections: {str(error.orig).strip()}") from None
