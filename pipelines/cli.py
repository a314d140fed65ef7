"""The command line of `kili-warehouse`: a function for each command."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console

from pipelines import forget as erasure
from pipelines import preflight, settings, terminal, unexpected_errors, up_to_date
from pipelines.kili import choice
from pipelines.landing import discovery
from pipelines.loading import lock
from pipelines.publishing import contents, links
from pipelines.publishing import rollback as rollbacks
from pipelines.transform import project

OK, FAILED, USAGE = 0, 1, 2
INTERRUPTED, BROKEN_PIPE = 128 + 2, 128 + 13  # the status of a process that SIGINT or SIGPIPE ends, as in shells


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit status. Prints every error as one line, without traceback."""
    terminal.prepare()
    chosen = None
    try:
        with terminal.output():
            options = _parser().parse_args(arguments)
        chosen = settings.from_environment().at(options.exports, options.warehouse)
        status: int = options.command(chosen, options)
    except (
        settings.BadSetting,
        discovery.NoExport,
        contents.NoWarehouse,
        links.Blocked,
        rollbacks.NoRelease,
        erasure.UnknownPerson,
    ) as error:
        return _fail(str(error), USAGE)
    except (
        lock.WarehouseLocked,
        project.BrokenModels,
        preflight.Damaged,
        preflight.Outdated,
        contents.Damaged,
        terminal.OutputFailed,
    ) as error:
        return _fail(str(error), FAILED)
    except terminal.OutputClosed:
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        return _fail(unexpected_errors.message(error, chosen), FAILED)
    return status


def run(chosen: settings.Settings, options: argparse.Namespace) -> int:
    """Load the exports, compare labels, build the marts and publish a release."""
    if chosen.exports is None and not chosen.pull_projects:
        return _fail("no exports named: give --exports, or set KILI_EXPORTS or KILI_PULL_PROJECTS", USAGE)
    exports = [] if chosen.exports is None else discovery.find(chosen.exports, chosen.warehouse)
    with lock.held(chosen) as is_taken, choice.copies_removed(chosen):
        if is_taken:
            preflight.check(chosen)
        load = None if chosen.pull_projects else up_to_date.summary_if_up_to_date(chosen, exports)
        if load is None:
            from assets_defs import run_job  # imports Dagster, which takes seconds

            done = run_job.run(chosen, exports)
            for failure in done.failures:
                terminal.print_error(failure)
            if done.load is None:
                return FAILED
            load = done.load
    contents_status = contents.status(chosen.warehouse)
    summary = {
        **contents_status,
        "exports": [export for export in contents_status["exports"] if export["load_id"] == load.load_id],
        "load_id": load.load_id,
        "exports_found": load.exports_found,
        "exports_rejected": load.exports_rejected,
        "rows_loaded": sum(load.new_row_counts.values()),
        "rejects": contents.rejects(chosen.warehouse),
    }
    _print(summary, options, terminal.describe_run)
    return FAILED if load.exports_rejected == load.exports_found else OK


def status(chosen: settings.Settings, options: argparse.Namespace) -> int:
    """Show the exports and tables of the published warehouse."""
    _print(contents.status(chosen.warehouse), options, terminal.describe_status)
    return OK


def rejects(chosen: settings.Settings, options: argparse.Namespace) -> int:
    """List the rejected records with file, place and reason."""
    _print(contents.rejects(chosen.warehouse), options, terminal.describe_rejects)
    return OK


def as_of(chosen: settings.Settings, options: argparse.Namespace) -> int:
    """Publish the marts as they were at a UTC time, in a folder of their own."""
    from pipelines import as_of_release  # imports dlt, which takes a second

    release = as_of_release.publish(chosen, as_of_release.parse_time(options.time), options.into)
    _print({**contents.status(options.into), "as_of": release.as_of}, options, terminal.describe_as_of)
    return OK


def rollback(chosen: settings.Settings, options: argparse.Namespace) -> int:
    """Publish the release before again, or the one named. The next run publishes a new release."""
    if not chosen.warehouse.is_dir():  # the lock would create it
        raise rollbacks.NoRelease(f"no warehouse has been published in {chosen.warehouse}")
    with lock.held(chosen):
        done = rollbacks.roll_back(chosen.warehouse, options.release)
    _print(done._asdict(), options, terminal.describe_rollback)
    return OK


def forget(chosen: settings.Settings, options: argparse.Namespace) -> int:
    """Erase people from every file of the warehouse, and publish it without them."""
    from assets_defs import instance, run_job

    if not chosen.work.exists():
        raise contents.NoWarehouse(f"no warehouse in {chosen.warehouse}: kili-warehouse run creates one")
    nothing_new = chosen.model_copy(update={"exports": "", "pull_projects": ()})
    with lock.held(chosen):
        preflight.check(chosen)
        erased = erasure.erase(options.author_ids, chosen)
        instance.wipe(chosen)
        done = run_job.run(nothing_new, [])
    for failure in done.failures:
        terminal.print_error(failure)
    if done.load is None:
        return _fail("the older releases still name the person: run kili-warehouse forget again", FAILED)
    result = {
        "warehouse": str(chosen.warehouse),
        "forgotten": erased.names,
        "exports": erased.exports,
        "as_of_folders": erased.as_of_folders,
    }
    _print(result, options, terminal.describe_forgotten)
    return OK


def ui(chosen: settings.Settings, options: argparse.Namespace) -> int:
    """Serve Dagster's UI and daemon, on this machine only."""
    from assets_defs import web_ui

    try:
        web_ui.serve_with_daemon(chosen, options.port)
    except web_ui.DaemonEnded as error:
        return _fail(str(error), FAILED)
    return OK


def daemon(chosen: settings.Settings, options: argparse.Namespace) -> NoReturn:  # noqa: ARG001
    """Run only Dagster's daemon, for a server: sensor, schedule, queue and monitoring of runs."""
    from assets_defs import instance

    instance.enter(chosen)
    path = str(Path(sys.executable).with_name("dagster-daemon"))
    os.execv(path, [path, "run", "-w", str(instance.WORKSPACE)])


def webserver(chosen: settings.Settings, options: argparse.Namespace) -> int:
    """Serve only Dagster's UI, for a server behind a proxy: read-only, on this machine only."""
    from assets_defs import web_ui

    web_ui.serve(chosen, options.port, options.path_prefix)
    return OK


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--warehouse", type=Path, metavar="DIR", help="warehouse folder (default: KILI_WAREHOUSE, else ./warehouse)"
    )
    exports = argparse.ArgumentParser(add_help=False)
    exports.add_argument(
        "--exports",
        metavar="URL",
        help="path, glob or URL of exports, local or any that fsspec reads (default: KILI_EXPORTS)",
    )
    as_json = argparse.ArgumentParser(add_help=False)
    as_json.add_argument("--json", action="store_true", help="print the result as JSON, and nothing else")
    port = argparse.ArgumentParser(add_help=False)
    port.add_argument("--port", type=int, default=3000, help="port of the UI (default: 3000)")
    prefix = argparse.ArgumentParser(add_help=False)
    prefix.add_argument(
        "--path-prefix", metavar="/PATH", default="", help="path under which the proxy serves the UI, if not its root"
    )
    time = argparse.ArgumentParser(add_help=False)
    time.add_argument("time", metavar="TIME", help="UTC time such as 2026-11-09T12:00:00Z")
    time.add_argument(
        "--into",
        type=Path,
        metavar="DIR",
        required=True,
        help="folder to publish in: empty, new or a former as-of folder",
    )
    named = argparse.ArgumentParser(add_help=False)
    named.add_argument("release", nargs="?", metavar="RELEASE", help="id of a release (default: the one before)")
    parser: argparse.ArgumentParser = terminal.Parser(
        prog="kili-warehouse", description="Load Kili label exports into a tested warehouse."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    person = argparse.ArgumentParser(add_help=False)
    person.add_argument("author_ids", nargs="+", metavar="AUTHOR_ID", help="id or e-mail of a person to erase")
    for command, parents in (
        (run, [exports, common, as_json]),
        (status, [common, as_json]),
        (rejects, [common, as_json]),
        (as_of, [time, common, as_json]),
        (rollback, [named, common, as_json]),
        (forget, [person, common, as_json]),
        (ui, [exports, common, port]),
        (daemon, [exports, common]),
        (webserver, [common, port, prefix]),
    ):
        subparser = commands.add_parser(command.__name__.replace("_", "-"), parents=parents, help=command.__doc__)
        subparser.set_defaults(command=command, exports=None)
    return parser


def _print(result: Any, options: argparse.Namespace, describe: Callable[[Console, Any], None]) -> None:
    with terminal.output():
        if options.json:
            print(json.dumps(result, default=lambda value: value.isoformat(), indent=2))
        else:
            describe(terminal.console(), result)


def _fail(text: str, status: int) -> int:
    terminal.print_error(text)
    return status
