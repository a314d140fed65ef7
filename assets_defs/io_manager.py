"""Passes the list of exports from `landing/kili` to `kili`. It is the only value that passes between assets."""

import json
from dataclasses import asdict
from pathlib import Path

import dagster as dg

from pipelines.landing.discovery import Landed
from pipelines.settings import Settings


class _FoundExports(dg.IOManager):
    """Stores the list as JSON. Dagster's default IO manager uses pickle, and unpickling can run code."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def handle_output(self, context: dg.OutputContext, obj: list[Landed]) -> None:  # noqa: ARG002
        self._path.write_text(json.dumps([asdict(landed) for landed in obj], default=str))

    def load_input(self, context: dg.InputContext) -> list[Landed]:  # noqa: ARG002
        if not self._path.exists():
            raise dg.Failure("no list of exports yet: materialize landing/kili first", allow_retries=False)
        return [Landed(**{**entry, "path": Path(entry["path"])}) for entry in json.loads(self._path.read_text())]


def found_exports(settings: Settings) -> dg.IOManagerDefinition:
    """The IO manager of all assets. Launch requests cannot configure it, and so not move its file."""

    @dg.io_manager(config_schema={}, description="The list of exports found, in found_exports.json of the work folder.")
    def stored(_context: dg.InitResourceContext) -> dg.IOManager:
        return _FoundExports(settings.work / "found_exports.json")

    return stored
