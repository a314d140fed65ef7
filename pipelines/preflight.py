"""Checks before a run writes: files in the place of links, and damaged files."""

import logging
from typing import Final

import duckdb

from pipelines.loading import database
from pipelines.publishing import release as releases
from pipelines.settings import Settings

log = logging.getLogger(__name__)

_HEADERS: Final = 12288  # bytes of a DuckDB file without rows


class Damaged(Exception):
    """The pipeline's database cannot be read. The text says what is left and how to rebuild it."""


def check(settings: Settings, log: logging.Logger = log) -> None:
    """Warns of files that the run will rebuild. Raises `release.Blocked` or `Damaged`."""
    releases.check_links(settings.warehouse)
    _check_database(settings)
    if damage := releases.damage(settings.warehouse):
        log.warning("%s: this run publishes anew", damage)


def _check_database(settings: Settings) -> None:
    """Checks the head and log of the database. Reading all of it in each run would take too long."""
    file = settings.database
    if not file.exists():
        return
    if file.is_file() and file.stat().st_size <= _HEADERS and not releases.releases(settings.warehouse):
        file.unlink()  # a first run was killed before it wrote a row
        return
    try:
        database.check(file)
    except duckdb.Error as error:
        if database.is_damage(str(error)):
            raise Damaged(advice(settings)) from error
        raise


def advice(settings: Settings) -> str:
    """The sentence for a user whose database is damaged."""
    damage = releases.damage(settings.warehouse)
    release = releases.current(settings.warehouse)
    if damage:
        left = f"The published release is damaged too: {damage}."
    elif release:
        left = f"The published release {release.id} in {settings.warehouse} is intact, and readers may go on."
    else:
        left = "Nothing has been published yet."
    return (
        f"the pipeline's database {settings.database} is damaged. {left} To rebuild it from the exports, move that file"
        " away and run again on all exports that this warehouse is to hold"
    )
