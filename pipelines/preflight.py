"""Checks before anything is written: files in the place of the warehouse's links, damage, missing columns."""

import logging
from typing import Final

import duckdb

from pipelines.comparison import records as comparison
from pipelines.kili import choice
from pipelines.kili import records as kili
from pipelines.loading import database
from pipelines.publishing import links
from pipelines.publishing import release as releases
from pipelines.settings import BadSetting, Settings

log = logging.getLogger(__name__)

_EMPTY_SIZE: Final = 12288  # bytes of a DuckDB file without rows


class Damaged(Exception):
    """The pipeline's database cannot be read. The message has the state of the release and how to rebuild it."""


class Outdated(Exception):
    """The pipeline's database was last written by older code, or by a run that did not end."""


def check(settings: Settings, log: logging.Logger = log) -> None:
    """Logs a warning if the release is damaged, which the run then replaces.

    Raises `BadSetting`, `links.Blocked` or `Damaged`.
    """
    if settings.as_of_marker.exists():
        raise BadSetting(f"{settings.warehouse} is a folder of kili-warehouse as-of: name another warehouse")
    links.check(settings.warehouse)
    _check_database(settings)
    choice.check(settings)
    if damage := releases.damage(settings.warehouse):
        log.warning("%s: this run publishes a new release", damage)


def check_columns(settings: Settings) -> None:
    """Raises `Outdated` if the pipeline's database lacks a table or column that dlt loads."""
    for schema, declared in (("kili", kili.TABLES), ("comparison", comparison.TABLES)):
        expected = {(table.name, column.name) for table in declared for column in table.columns}
        if not expected <= database.columns(settings.database, schema).keys():
            raise Outdated(f"{settings.database} lacks tables or columns of this version: kili-warehouse run adds them")


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
