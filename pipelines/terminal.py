"""Terminal output: tables, progress and errors. All text is shown literally."""

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


class Closed(Exception):
    """The reader of standard output has closed it, as `head` does."""


class Unwritable(Exception):
    """Standard output cannot be written. The text says why."""


_SHOWN: Final = 20
# Characters that move the cursor, colour text, break lines or change their direction; half surrogates.
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def prepare() -> None:
    """Sets up standard output and error for any text, and logs progress to standard error.

    Characters that an encoding lacks are written as `\\xNN`. A closed stream is replaced by one that shows nothing:
    else the next file to be opened, such as a database, would get its file number and the output.
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
    handler.setFormatter(_Literal())
    for package in ("pipelines", "assets_defs"):
        logger = logging.getLogger(package)
        logger.setLevel(logging.INFO)
        logger.handlers = [handler]
    logging.getLogger("dagster").addHandler(logging.NullHandler())


@contextmanager
def output() -> Iterator[None]:
    """Flushes the output of its block. Raises `Closed` or `Unwritable`."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else Python reports the rest of the output when it ends
        if isinstance(error, BrokenPipeError):
            raise Closed from None
        raise Unwritable(f"cannot write to standard output: {error.strerror}") from None


def literal(text: str) -> str:
    """The text on one line, with control characters as escapes: `\\x1b`."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class _Literal(logging.Formatter):
    """Formats log messages without tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        return literal(record.getMessage())


def complain(text: str) -> None:
    """Prints a line on standard error."""
    with contextlib.suppress(OSError):
        print(f"kili-warehouse: {literal(text)}", file=sys.stderr)


class Parser(argparse.ArgumentParser):
    """Shows wrong arguments literally in errors."""

    def error(self, message: str) -> NoReturn:
        super().error(literal(message))


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Raises the error for `output`; rich would end the process with status 1."""
        raise BrokenPipeError


def console() -> Console:
    """The console for tables. Text is shown literally, square brackets and names of emoji too."""
    return _Console(width=None if sys.stdout.isatty() else 120, highlight=False, markup=False, emoji=False)


def describe_run(out: Console, facts: Facts) -> None:
    if facts["exports"]:
        out.print(_exports(facts["exports"], "Exports loaded"))
    else:
        out.print(f"Nothing new: all {facts['exports_found']} exports are in the warehouse already.")
    _describe_tables(out, facts)
    new = {export["file_url"] for export in facts["exports"]}
    rejected = [reject for reject in facts["rejects"] if reject["file_url"] in new]
    if rejected:
        shown = f", the first {_SHOWN} of them" if len(rejected) > _SHOWN else ""
        out.print(_rejects(rejected[:_SHOWN], f"Rejected: {len(rejected)}{shown}"))
    else:
        out.print("Rejected: nothing")
    out.print(f"Warehouse: {literal(facts['warehouse'])}", soft_wrap=True)
    out.print(f"Pages:     {literal(str(Path(facts['warehouse']).parent / 'site' / 'index.html'))}", soft_wrap=True)


def describe_status(out: Console, facts: Facts) -> None:
    out.print(_exports(facts["exports"], "Exports"))
    _describe_tables(out, facts)
    age = facts["newest_export_age_seconds"]
    out.print(
        "Newest export: "
        + ("of unknown date" if age is None else f"{_date(facts['newest_export_as_of'])}, {_age(age)} ago")
    )
    out.print(f"Rejected records: {facts['reject_count']}")
    out.print(f"Warehouse: {literal(facts['warehouse'])} (release {facts['release']})", soft_wrap=True)


def describe_rejects(out: Console, facts: list[Facts]) -> None:
    out.print(_rejects(facts, f"Rejected: {len(facts)}") if facts else "Nothing was rejected.")


def _describe_tables(out: Console, facts: Facts) -> None:
    table = Table("table", title="Published tables", title_justify="left")
    table.add_column("rows", justify="right")
    for name, count in facts["row_counts"].items():
        table.add_row(name, f"{count:,}")
    out.print(table)


def _exports(exports: list[Facts], title: str) -> Table:
    table = Table("export", "layout", "as of", title=title, title_justify="left")
    for name in ("assets", "labels", "annotations", "unchanged", "rejected"):
        table.add_column(name, justify="right")
    for export in exports:
        lost = export["rejected_asset_count"] + export["rejected_label_count"]
        table.add_row(
            literal(Path(export["file_url"]).name),
            export["layout"] or "–",
            _date(export["as_of"]),
            *(f"{export[f'{one}_count']:,}" for one in ("asset", "label", "annotation", "unchanged_asset")),
            "whole file" if export["is_rejected"] else f"{lost:,}",
        )
    return table


def _rejects(found: list[Facts], title: str) -> Table:
    table = Table(title=title, title_justify="left")
    for name in ("file", "entry", "place", "reason"):
        table.add_column(name, overflow="fold")
    for reject in found:
        cells = (Path(reject["file_url"]).name, reject["entry"] or "", reject["location"], reject["reason"])
        table.add_row(*map(literal, cells))
    return table


def _date(instant: datetime | None) -> str:
    return "–" if instant is None else f"{instant:%Y-%m-%d %H:%M}"


def _age(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:.0f} hours"
