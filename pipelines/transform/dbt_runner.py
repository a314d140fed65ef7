"""Runs dbt in this process, so that its start is paid once a run and its project is parsed once."""

import contextlib
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

_PARSE: Final = ("--log-level", "none", "parse")
_BUILD: Final = ("--no-use-colors", "--log-level-file", "none", "--no-write-json", "build")
_NO_WARNING: Final = {"PYTHONWARNINGS": "ignore:resource_tracker"}  # of dbt's locks, after Ctrl-C
_FAILED: Final = {"error", "fail", "runtime error"}

EXCLUDED: Final = ("resource_type:unit_test", "kili_warehouse.intermediate,resource_type:test", "metric_days")
"""Tests of our SQL, which only `make test` runs: unit tests, and those of the intermediate models. Also the model that
dbt requires for metrics, which nothing reads."""

Result = Any
"""dbt's result of one model or test: `node`, `status`, `failures`, `execution_time`, `message`."""


class DbtFailed(Exception):
    """dbt has failed. The message has dbt's errors."""


class Dbt:
    """dbt on one project and warehouse.

    environment: the variables that the project's files read. options: more of dbt's, for every call. Raises
    `DbtFailed`.
    """

    def __init__(self, project: Path, target: Path, environment: dict[str, str], options: Sequence[str] = ()) -> None:
        self._options = ["--project-dir", str(project), "--profiles-dir", str(project)]
        self._options += ["--target-path", str(target), "--log-path", str(target), *options]
        self._environment = {**environment, **_NO_WARNING}
        self._manifest: Any = None

    def parse(self) -> None:
        """Parses what has changed since the last time and writes the manifest to the target folder."""
        self._manifest = self._invoke(_PARSE, None)

    def build(self, *options: str) -> list[Result]:
        """Runs `dbt build` without `EXCLUDED`; returns the results of all models and tests, failed ones included."""
        if self._manifest is None:
            self.parse()
        return list(self._invoke((*_BUILD, "--exclude", *EXCLUDED, *options), self._manifest).results)

    def _invoke(self, arguments: Sequence[str], manifest: Any) -> Any:
        with _isolated(self._environment):
            from dbt.adapters.duckdb.connections import DuckDBConnectionManager  # takes seconds
            from dbt.cli.main import dbtRunner

            ended = dbtRunner(manifest).invoke([*arguments, *self._options])
        DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]  # else the file stays open
        if isinstance(ended.exception, Exception):
            raise DbtFailed(str(ended.exception)) from ended.exception
        if ended.exception is not None:
            raise ended.exception  # an interrupt
        return ended.result


@contextlib.contextmanager
def _isolated(environment: dict[str, str]) -> Iterator[None]:
    """Sets environment variables for one call of dbt, and keeps dbt from making this process print all its log records.

    A library that dbt imports calls `logging.basicConfig`, which does nothing if the root logger has a handler.
    """
    before = {name: os.environ.get(name) for name in environment}
    handler = logging.NullHandler()
    logging.root.addHandler(handler)
    os.environ.update(environment)
    try:
        yield
    finally:
        logging.root.removeHandler(handler)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def raise_if_failed(results: Sequence[Result]) -> None:
    """Raises `DbtFailed` with the errors of the models and tests that failed."""
    failed = [result for result in results if result.status in _FAILED]
    if failed:
        errors = (f"{one.node.name}: {' '.join((one.message or '').split())}" for one in failed)
        raise DbtFailed("; ".join(errors))
