"""Checks before a run writes anything: files in the place of the warehouse's links, and damage."""

import logging
from typing import Final

import duckdb

from pipelines.loading import database
from pipelines.publishing import release as releases
from pipelines.settings import Settings

log = logging.getLogger(__name__)

_EMPTY_SIZE: Final = 12288  # bytes of a DuckDB file without rows


class Damaged(Exception):
    """The pipeline's database cannot be read. The message has the state of the release and how to rebuild it."""


def check(settings: Settings, log: logging.Logger = log) -> None:
    """Logs a warning if the release is damaged, which the run then replaces. Raises `release.Blocked` or `Damaged`."""
    releases.check_links(settings.warehouse)
    _check_database(settings)
    if damage := releases.damage(settings.warehouse):
        log.warning("%s: this run publishes a new release", damage)


def _check_database(settings: Settings) -> None:
    """Checks that the database opens. Does not read the data to find damage in it, which would take too long."""
    file = settings.database
    if not file.exists():
        return
    if file.is_file() and file.stat().st_size <= _EMPTY_SIZE and not releases.releases(settings.warehouse):
        file.unlink()  # the first run was killed before it wrote a row
        return
    try:
        database.check_opens(file)
    except duckdb.Error as error:
        if database.is_damage(str(error)):
            raise Damaged(recovery_advice(settings)) from error
        raise


def recovery_advice(settings: Settings) -> str:
    """What a user can do about a damaged database."""
    damage = releases.damage(settings.warehouse)
    release = releases.current(settings.warehouse)
    if damage:
        left = f"The published release is damaged too: {damage}."
    elif release:
        left = f"The published release {release.id} in {settings.warehouse} is intact: readers are not affected."
    else:
        left = "Nothing has been published yet."
    return (
        f"the pipeline's database {settings.database} is damaged. {left} To rebuild it from the exports, move that file"
        " away, then run again on all exports of this warehouse"
    )
