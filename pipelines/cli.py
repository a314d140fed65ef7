"""The console script: `kili-warehouse run`, `status`, `rejects`, `ui`, `daemon` and `webserver`."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console

from pipelines import preflight, settings, terminal, unexpected, up_to_date
from pipelines.landing import discovery
from pipelines.loading import lock
from pipelines.publishing import contents, release
from pipelines.transform import project

OK, FAILED, USAGE = 0, 1, 2
INTERRUPTED, BROKEN_PIPE = 128 + 2, 128 + 13  # the exit status that shells use after SIGINT and SIGPIPE


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns its exit status. Errors are printed as one sentence, never as a traceback."""
    terminal.prepare()
    chosen = None
    try:
        with terminal.output():
            options = _parser().parse_args(arguments)
        chosen = settings.from_environment().at(options.exports, options.warehouse)
        status: int = options.command(chosen, options)
    except (settings.BadSetting, discovery.NoExport, contents.NoWarehouse, release.Blocked) as error:
        return _complain(str(error), USAGE)
    except (
        lock.WarehouseLocked,
        project.BrokenModels,
        preflight.Damaged,
        contents.Damaged,
        terminal.Unwritable,
    ) as error:
        return _complain(str(error), FAILED)
    except terminal.Closed:
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        return _complain(unexpected.sentence(error, chosen), FAILED)
    return status


def run(chosen: settings.Settings, options: argparse.Namespace) -> int:
    """Runs the whole Dagster job on the exports and reports what it did."""
    if chosen.exports is None and not chosen.pull_projects:
        return _complain("no exports named: give --exports, or set KILI_EXPORTS or KILI_PULL_PROJECTS", USAGE)
    found = [] if chosen.exports is None else discovery.find(chosen.exports, chosen.warehouse)
    with lock.held(chosen) as is_taken:
        if is_taken:
            preflight.check(chosen)
        load = None if chosen.pull_projects else up_to_date.summary_if_up_to_date(chosen, found)
        if load is None:
            from assets_defs import run_job  # imported only if needed: it takes seconds

            done = run_job.run(chosen, found)
            for failure in done.failures:
                terminal.complain(failure)
            if done.load is None:
                return FAILED
            load = done.load
    known = contents.status(chosen.warehouse)
    told = {
        **known,
        "exports": [export for export in known["exports"] if export["load_id"] == load.load_id],
        "load_id": load.load_id,
        "exports_found": load.exports_found,
        "exports_rejected": load.exports_rejected,
        "rows_loaded": sum(load.new_row_counts.values()),
        "rejects": contents.rejects(chosen.warehouse),
    }
    _tell(told, options, terminal.describe_run)
    return FAILED if load.exports_rejected == load.exports_found else OK


def status(chosen: settings.Settings, options: argparse.Namespace) -> int:
    """Shows what the warehouse holds."""
    _tell(contents.status(chosen.warehouse), options, terminal.describe_status)
    return OK


def rejects(chosen: settings.Settings, options: argparse.Namespace) -> int:
    """Lists the rejected records."""
    _tell(contents.rejects(chosen.warehouse), options, terminal.describe_rejects)
    return OK


def ui(chosen: settings.Settings, options: argparse.Namespace) -> int:
    """Starts Dagster's UI and daemon, on this machine only."""
    from assets_defs import web_ui

    try:
        web_ui.serve_with_daemon(chosen, options.port)
    except web_ui.DaemonEnded as error:
        return _complain(str(error), FAILED)
    return OK


def daemon(chosen: settings.Settings, options: argparse.Namespace) -> NoReturn:  # noqa: ARG001
    """Starts Dagster's daemon, for a server: sensors, schedule, run queue."""
    from assets_defs import instance

    instance.enter(chosen)
    path = str(Path(sys.executable).with_name("dagster-daemon"))
    os.execv(path, [path, "run", "-w", str(instance.WORKSPACE)])


def webserver(chosen: settings.Settings, options: argparse.Namespace) -> int:
    """Starts Dagster's read-only UI, for a server behind a proxy."""
    from assets_defs import web_ui

    web_ui.serve(chosen, options.port, options.path_prefix)
    return OK


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--warehouse", type=Path, metavar="DIR", help="the warehouse folder (KILI_WAREHOUSE, ./warehouse)"
    )
    exports = argparse.ArgumentParser(add_help=False)
    exports.add_argument(
        "--exports", metavar="URL", help="file, folder or glob of exports; local or what fsspec reads (KILI_EXPORTS)"
    )
    as_json = argparse.ArgumentParser(add_help=False)
    as_json.add_argument("--json", action="store_true", help="the same facts as JSON, and nothing else")
    port = argparse.ArgumentParser(add_help=False)
    port.add_argument("--port", type=int, default=3000, help="the UI's port (3000)")
    prefix = argparse.ArgumentParser(add_help=False)
    prefix.add_argument(
        "--path-prefix", metavar="/PATH", default="", help="where the proxy shows the UI, if not at its root"
    )
    parser: argparse.ArgumentParser = terminal.Parser(
        prog="kili-warehouse", description="Kili label exports as a tested warehouse."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command, parents in (
        (run, [exports, common, as_json]),
        (status, [common, as_json]),
        (rejects, [common, as_json]),
        (ui, [exports, common, port]),
        (daemon, [exports, common]),
        (webserver, [common, port, prefix]),
    ):
        described = commands.add_parser(command.__name__, parents=parents, help=command.__doc__)
        described.set_defaults(command=command, exports=None)
    return parser


def _tell(told: Any, options: argparse.Namespace, describe: Callable[[Console, Any], None]) -> None:
    with terminal.output():
        if options.json:
            print(json.dumps(told, default=lambda value: value.isoformat(), indent=2))
        else:
            describe(terminal.console(), told)


def _complain(text: str, status: int) -> int:
    terminal.complain(text)
    return status
