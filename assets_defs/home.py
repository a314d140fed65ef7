"""Where Dagster keeps its runs and events: a folder of the warehouse, so that runs by hand show in the UI too."""

from pathlib import Path
from typing import Final

from pipelines.settings import Settings

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
"""


def prepare(settings: Settings) -> Path:
    """Makes the folder with its configuration, and gives it."""
    home = settings.work / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    settings.work.chmod(0o700)
    (home / "dagster.yaml").write_text(_CONFIGURATION)
    return home
