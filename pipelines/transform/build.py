"""Runs `dbt build` without Dagster: for the marts as of a time."""

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Final

from pipelines.settings import Settings
from pipelines.transform import project

_LOG: Final = "last_as_of.log"
_COMPARED: Final = "source:comparison+"
_BRIEF: Final = ("--log-level-file", "info", "--no-write-json", "--exclude-resource-type", "unit_test")


def before_comparison(target: Settings, origin: Path, time: datetime) -> None:
    """Builds and tests, in the database of `target`, the models that the comparison reads. Raises `BrokenModels`.

    `origin`: the database that schema `kili` is read from. `time`: with time zone.
    """
    _build(target, origin, time, "--exclude", _COMPARED, "--indirect-selection", "cautious")


def after_comparison(target: Settings, origin: Path, time: datetime) -> None:
    """Builds and tests the other models, which read the comparison. Raises `BrokenModels`."""
    _build(target, origin, time, "--select", _COMPARED, "--indirect-selection", "eager")


def _build(target: Settings, origin: Path, time: datetime, *selection: str) -> None:
    command = [sys.executable, *project.DBT_ARGUMENTS, "build", *_BRIEF, *selection]
    command += ["--project-dir", str(project.PROJECT), "--target-path", str(target.dbt)]
    command += ["--target", project.AS_OF_TARGET, "--vars", f"as_of: '{time.isoformat()}'"]
    variables = project.environment(target.database) | {project.ORIGIN_VARIABLE: str(origin)}
    with (target.work / _LOG).open("w") as log:
        logged = {"DBT_LOG_PATH": str(target.dbt)}
        result = subprocess.run(command, env=os.environ | variables | logged, stdout=log, stderr=log, check=False)
    if result.returncode:
        raise project.BrokenModels(f"dbt cannot build the marts; its output is in {log.name}")
