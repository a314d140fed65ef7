"""Builds the marts as of a time, without Dagster."""

import contextlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from pipelines.settings import Settings
from pipelines.transform import dbt_runner, project

_LOG: Final = "last_as_of.log"
_COMPARED: Final = "source:comparison+"


class AsOf:
    """The models of an as-of folder, built and tested in the database of `target`.

    origin: the database that schema `kili` is read from. time: with time zone. Its methods raise `BrokenModels`.
    """

    def __init__(self, target: Settings, origin: Path, time: datetime) -> None:
        options = ("--target", project.AS_OF_TARGET, "--vars", f"as_of: '{time.isoformat()}'")
        variables = project.environment(target.database) | {project.ORIGIN_VARIABLE: str(origin)}
        self._dbt = dbt_runner.Dbt(project.PROJECT, target.dbt, variables, options)
        self._log = target.work / _LOG
        self._log.write_text("")

    def before_comparison(self) -> None:
        """Builds the models that the comparison reads."""
        self._build("--select", "fqn:*", "--exclude", _COMPARED, "--indirect-selection", "cautious")

    def after_comparison(self) -> None:
        """Builds the other models, which read the comparison."""
        self._build("--select", _COMPARED, "--indirect-selection", "eager")

    def _build(self, *selection: str) -> None:
        with self._logged():
            dbt_runner.raise_if_failed(self._dbt.build(*selection))

    @contextlib.contextmanager
    def _logged(self) -> Iterator[None]:
        """Writes dbt's output to a file, and names it if dbt fails."""
        with self._log.open("a") as log, contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
            try:
                yield
            except dbt_runner.DbtFailed as error:
                message = f"dbt cannot build the marts: {error}; its output is in {self._log}"
                raise project.BrokenModels(message) from error
