"""The output of the commands: tables, progress and errors. Control characters in texts are escaped."""

import argparse
import contextlib
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NoReturn

from rich.console import Console
from rich.table import Table

Facts = dict[str, Any]


class OutputClosed(Exception):
    """The reader of standard output has closed it, as `head` does."""


class OutputFailed(Exception):
    """Standard output cannot be written. The message has the cause."""


_MAX_REJECTS: Final = 20  # shown after a run
# Characters that move the cursor, colour text, break lines or change their direction, and lone surrogates.
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def prepare() -> None:
    """Makes standard output and error accept any text, and sends progress to standard error.

    Characters that the encoding lacks are written as `\\xNN`. A closed stream is replaced by /dev/null. Otherwise the
    next file that is opened, perhaps a database, would get its number, and the output.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_EscapingFormatter())
    for package in ("pipelines", "assets_defs"):
        logger = logging.getLogger(package)
        logger.setLevel(logging.INFO)
        logger.handlers = [handler]
    logging.getLogger("dagster").addHandler(logging.NullHandler())


@contextmanager
def output() -> Iterator[None]:
    """Flushes standard output at the end of the block. Raises `OutputClosed` or `OutputFailed`."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else Python fails to flush the rest when it exits
        if isinstance(error, BrokenPipeError):
            raise OutputClosed from None
        raise OutputFailed(f"cannot write to standard output: {error.strerror}") from None


def escaped(text: str) -> str:
    """A text as one line, with control characters escaped as in Python: `\\x1b`."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


class _EscapingFormatter(logging.Formatter):
    """Formats messages only, without tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        return escaped(record.getMessage())


def print_error(text: str) -> None:
    """Prints one line on standard error."""
    with contextlib.suppress(OSError):
        print(f"kili-warehouse: {escaped(text)}", file=sys.stderr)


class Parser(argparse.ArgumentParser):
    """Escapes control characters of wrong arguments in its errors."""

    def error(self, message: str) -> NoReturn:
        super().error(escaped(message))


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Raises the error for `output` to handle. Rich would end the process with status 1."""
        raise BrokenPipeError


def console() -> Console:
    """A console for tables. It does not interpret text such as `[red]` or `:smile:` as markup or emoji."""
    return _Console(width=None if sys.stdout.isatty() else 120, highlight=False, markup=False, emoji=False)


def describe_run(out: Console, summary: Facts) -> None:
    if summary["exports"]:
        out.print(_exports(summary["exports"], "Exports loaded"))
    else:
        out.print(f"Nothing new: all {summary['exports_found']} exports are in the warehouse already.")
    _describe_tables(out, summary)
    new = {export["file_url"] for export in summary["exports"]}
    rejected = [reject for reject in summary["rejects"] if reject["file_url"] in new]
    if rejected:
        shown = f", the first {_MAX_REJECTS} of them" if len(rejected) > _MAX_REJECTS else ""
        out.print(_rejects(rejected[:_MAX_REJECTS], f"Rejected: {len(rejected)}{shown}"))
    else:
        out.print("Rejected: nothing")
    out.print(f"Warehouse: {escaped(summary['warehouse'])}", soft_wrap=True)
    out.print(f"Pages:     {escaped(str(Path(summary['warehouse']).parent / 'site' / 'index.html'))}", soft_wrap=True)


def describe_status(out: Console, status: Facts) -> None:
    out.print(_exports(status["exports"], "Exports"))
    _describe_tables(out, status)
    age = status["newest_export_age_seconds"]
    out.print(
        "Newest export: "
        + ("of unknown date" if age is None else f"{_date(status['newest_export_as_of'])}, {_age(age)} ago")
    )
    out.print(f"Rejected records: {status['reject_count']}")
    out.print(f"Warehouse: {escaped(status['warehouse'])} (release {status['release']})", soft_wrap=True)


def describe_as_of(out: Console, status: Facts) -> None:
    out.print(_exports(status["exports"], "Exports that count"))
    _describe_tables(out, status)
    out.print(f"As of:     {status['as_of']}")
    out.print(f"Warehouse: {escaped(status['warehouse'])} (release {status['release']})", soft_wrap=True)


def describe_rejects(out: Console, rejects: list[Facts]) -> None:
    out.print(_rejects(rejects, f"Rejected: {len(rejects)}") if rejects else "Nothing was rejected.")


def describe_rollback(out: Console, done: Facts) -> None:
    out.print(f"Published: release {done['after']}, in place of {done['before']}", soft_wrap=True)


def describe_forgotten(out: Console, result: Facts) -> None:
    out.print(f"Erased: {len(result['forgotten'])} people, in the warehouse now {', '.join(result['forgotten'])}")
    if result["exports"]:
        out.print("These exports still hold them. Delete them, or export them again:")
        for url in result["exports"]:
            out.print(f"  {escaped(url)}", soft_wrap=True)
    if result["as_of_folders"]:
        out.print("These as-of folders still hold them. Delete them, or publish them again:")
        for folder in result["as_of_folders"]:
            out.print(f"  {escaped(folder)}", soft_wrap=True)


def _describe_tables(out: Console, status: Facts) -> None:
    table = Table("table", title="Published tables", title_justify="left")
    table.add_column("rows", justify="right")
    for name, count in status["row_counts"].items():
        table.add_row(name, f"{count:,}")
    out.print(table)


def _exports(exports: list[Facts], title: str) -> Table:
    table = Table("export", "layout", "as of", title=title, title_justify="left")
    for name in ("assets", "labels", "annotations", "unchanged", "rejected"):
        table.add_column(name, justify="right")
    for export in exports:
        rejected_count = export["rejected_asset_count"] + export["rejected_label_count"]
        table.add_row(
            escaped(Path(export["file_url"]).name),
            export["layout"] or "–",
            _date(export["as_of"]),
            *(f"{export[f'{name}_count']:,}" for name in ("asset", "label", "annotation", "unchanged_asset")),
            "whole file" if export["is_rejected"] else f"{rejected_count:,}",
        )
    return table


def _rejects(rejects: list[Facts], title: str) -> Table:
    table = Table(title=title, title_justify="left")
    for name in ("file", "entry", "place", "reason"):
        table.add_column(name, overflow="fold")
    for reject in rejects:
        cells = (Path(reject["file_url"]).name, reject["entry"] or "", reject["location"], reject["reason"])
        table.add_row(*map(escaped, cells))
    return table


def _date(instant: datetime | None) -> str:
    return "–" if instant is None else f"{instant:%Y-%m-%d %H:%M}"


def _age(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:.0f} hours"
