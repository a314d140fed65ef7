"""The console script: `kili-warehouse run`, `status`, `rejects`, `ui`, `daemon` and `webserver`."""

import argparse
import json
import logging
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console
from rich.table import Table

from pipelines import facts, idle, landing, lock, settings, transform

OK, FAILED, USAGE = 0, 1, 2

_SHOWN = 20

Facts = dict[str, Any]


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; gives its exit status."""
    options = _parser().parse_args(arguments)
    try:
        chosen = settings.from_environment().at(options.exports, options.warehouse)
        status: int = options.command(chosen, options)
    except (settings.BadSetting, landing.NoExport, facts.NoWarehouse) as error:
        return _complain(str(error), USAGE)
    except (lock.Busy, transform.BrokenModels) as error:
        return _complain(str(error), FAILED)
    return status


def run(chosen: settings.Settings, options: argparse.Namespace) -> int:
    """Runs the whole Dagster job on the exports and reports what it did."""
    if chosen.exports is None and chosen.pull is None:
        return _complain("no exports named: give --exports, or set KILI_EXPORTS or KILI_PULL_PROJECTS", USAGE)
    if chosen.exports is not None:
        landing.find(chosen.exports, chosen.warehouse)
    with lock.held(chosen):
        load = idle.load(chosen, chosen.exports) if chosen.exports is not None and chosen.pull is None else None
        if load is None:
            _show_progress()
            from assets_defs import running  # the one place where this package starts Dagster

            done = running.run(chosen)
            for failure in done.failures:
                _complain(failure, FAILED)
            if done.load is None:
                return _complain(f"the run failed; what dbt said is in {chosen.work / running.LOG}", FAILED)
            load = done.load
    known = facts.status(chosen.warehouse)
    told = {
        **known,
        "exports": [export for export in known["exports"] if export["load_id"] == load.load_id],
        "load_id": load.load_id,
        "exports_found": load.exports_found,
        "exports_rejected": load.exports_rejected,
        "rows_loaded": sum(load.new_row_counts.values()),
        "rejects": facts.rejects(chosen.warehouse),
    }
    _tell(told, options, _describe_run)
    return FAILED if load.exports_rejected == load.exports_found else OK


def status(chosen: settings.Settings, options: argparse.Namespace) -> int:
    """Says what the warehouse holds."""
    _tell(facts.status(chosen.warehouse), options, _describe_status)
    return OK


def rejects(chosen: settings.Settings, options: argparse.Namespace) -> int:
    """Lists the rejected records."""
    _tell(facts.rejects(chosen.warehouse), options, _describe_rejects)
    return OK


def ui(chosen: settings.Settings, options: argparse.Namespace) -> int:
    """Opens Dagster's UI, with its daemon, on this machine only."""
    from assets_defs import web_ui

    try:
        web_ui.serve_with_daemon(chosen, options.port)
    except web_ui.DaemonEnded as error:
        return _complain(str(error), FAILED)
    return OK


def daemon(chosen: settings.Settings, options: argparse.Namespace) -> NoReturn:  # noqa: ARG001
    """Dagster's daemon alone, for a server: sensor, schedule, queue, and runs that are lost."""
    from assets_defs import home

    home.enter(chosen)
    path = str(Path(sys.executable).with_name("dagster-daemon"))
    os.execv(path, [path, "run", "-w", str(home.WORKSPACE)])


def webserver(chosen: settings.Settings, options: argparse.Namespace) -> int:
    """Dagster's UI alone, for a server: read-only, on this machine only, to stand behind a proxy."""
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
    parser = argparse.ArgumentParser(prog="kili-warehouse", description="Kili label exports as a tested warehouse.")
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


def _show_progress() -> None:
    """Prints what the steps say of themselves, since a run of a minute in silence reads as a hang."""
    for package in ("pipelines", "assets_defs"):
        logger = logging.getLogger(package)
        logger.setLevel(logging.INFO)
        logger.addHandler(logging.StreamHandler(sys.stderr))
    logging.getLogger("dagster").addHandler(logging.NullHandler())


def _tell(told: Any, options: argparse.Namespace, describe: Any) -> None:
    if options.json:
        print(json.dumps(told, default=lambda value: value.isoformat(), indent=2))
    else:
        describe(Console(width=None if sys.stdout.isatty() else 120, highlight=False), told)


def _describe_run(out: Console, told: Facts) -> None:
    if told["exports"]:
        out.print(_exports(told["exports"], "Exports loaded"))
    else:
        out.print(f"Nothing new: all {told['exports_found']} exports are in the warehouse already.")
    _describe_tables(out, told)
    new = {export["file_url"] for export in told["exports"]}
    rejected = [reject for reject in told["rejects"] if reject["file_url"] in new]
    if rejected:
        shown = f", the first {_SHOWN} of them" if len(rejected) > _SHOWN else ""
        out.print(_rejects(rejected[:_SHOWN], f"Rejected: {len(rejected)}{shown}"))
    else:
        out.print("Rejected: nothing")
    out.print(f"Warehouse: {told['warehouse']}", soft_wrap=True)
    out.print(f"Pages:     {Path(told['warehouse']).parent / 'site' / 'index.html'}", soft_wrap=True)


def _describe_status(out: Console, told: Facts) -> None:
    out.print(_exports(told["exports"], "Exports"))
    _describe_tables(out, told)
    age = told["newest_export_age_seconds"]
    out.print(
        "Newest export: "
        + ("of unknown date" if age is None else f"{_date(told['newest_export_as_of'])}, {_age(age)} ago")
    )
    out.print(f"Rejected records: {told['reject_count']}")
    out.print(f"Warehouse: {told['warehouse']} (release {told['release']})", soft_wrap=True)


def _describe_rejects(out: Console, told: list[Facts]) -> None:
    out.print(_rejects(told, f"Rejected: {len(told)}") if told else "Nothing was rejected.")


def _describe_tables(out: Console, told: Facts) -> None:
    table = Table("table", title="Published tables", title_justify="left")
    table.add_column("rows", justify="right")
    for name, count in told["row_counts"].items():
        table.add_row(name, f"{count:,}")
    out.print(table)


def _exports(exports: list[Facts], title: str) -> Table:
    table = Table("export", "layout", "as of", title=title, title_justify="left")
    for name in ("assets", "labels", "annotations", "unchanged", "rejected"):
        table.add_column(name, justify="right")
    for export in exports:
        lost = export["rejected_asset_count"] + export["rejected_label_count"]
        table.add_row(
            Path(export["file_url"]).name,
            export["layout"] or "–",
            _date(export["as_of"]),
            *(f"{export[f'{one}_count']:,}" for one in ("asset", "label", "annotation", "unchanged_asset")),
            "whole file" if export["is_rejected"] else f"{lost:,}",
        )
    return table


def _rejects(found: list[Facts], title: str) -> Table:
    table = Table("file", "entry", "place", "reason", title=title, title_justify="left")
    for reject in found:
        table.add_row(Path(reject["file_url"]).name, reject["entry"] or "", reject["location"], reject["reason"])
    return table


def _date(instant: datetime | None) -> str:
    return "–" if instant is None else f"{instant:%Y-%m-%d %H:%M}"


def _age(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:.0f} hours"


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _complain(text: str, status: int) -> int:
    _say(f"kili-warehouse: {text}")
    return status
