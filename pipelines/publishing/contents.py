"""Queries on the published release of a warehouse, which a running pipeline never locks."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import duckdb

from pipelines.kili import readings
from pipelines.loading import database
from pipelines.loading.database import Row
from pipelines.publishing import release as releases

_EXPORTS: Final = (
    "select * exclude (_dlt_load_id), _dlt_load_id as load_id from kili.exports order by as_of nulls first, file_url"
)
_REJECTS: Final = """
    select file_url, entry, location, asset_id, external_id, reason from kili.rejects order by all"""

_NUMBERS: Final = """
    select (select max(created_at) from marts.labels) as newest_label_at,
        (select count(*) from marts.review_vs_default) as review_pairs,
        (select avg(score) from marts.review_vs_default) as mean_review_score"""
_EDITS: Final = (
    "select edit, count(*) as annotations from marts.review_edits group by edit order by annotations desc, edit"
)


class NoWarehouse(Exception):
    """The folder has no published warehouse."""


class Damaged(Exception):
    """The published warehouse cannot be read. The message has the damage."""


def status(warehouse: Path) -> Row:
    """The loaded exports, row counts by table, count of rejects, and age of the newest export in seconds.

    Raises `NoWarehouse`, `Damaged`.
    """
    release = _current(warehouse)
    exports = _query(warehouse, _EXPORTS)
    newest = max((export["as_of"] for export in exports if export["as_of"]), default=None)
    return {
        "warehouse": str(warehouse / "warehouse.duckdb"),
        "release": release.id,
        "exports": exports,
        "row_counts": release.row_counts,
        "reject_count": _query(warehouse, "select count(*) as n from kili.rejects")[0]["n"],
        "newest_export_as_of": newest,
        "newest_export_age_seconds": (datetime.now(UTC) - newest).total_seconds() if newest else None,
    }


def rejects(warehouse: Path) -> list[Row]:
    """The rejected records: file, place in the file, reason. Raises `NoWarehouse`, `Damaged`."""
    _current(warehouse)
    return _query(warehouse, _REJECTS)


def export_ids(warehouse: Path) -> set[str]:
    """The ids of the published exports. Empty without a release, or if it is damaged, so that a run publishes again."""
    return _values(warehouse, "select export_id from kili.exports")


def unreadable(warehouse: Path) -> set[str]:
    """The addresses of exports that could not be read so far; empty without a published warehouse."""
    return _values(warehouse, f"select file_url from kili.exports where {readings.IS_UNREADABLE}")


def numbers(warehouse: Path) -> Row:
    """The time of the newest label, the number of review pairs and their mean score."""
    return _query(warehouse, _NUMBERS)[0]


def edits(warehouse: Path) -> list[tuple[str, int]]:
    """The edits of annotations in review with their counts, most frequent first."""
    return [(row["edit"], row["annotations"]) for row in _query(warehouse, _EDITS)]


def _current(warehouse: Path) -> releases.Release:
    release = releases.current(warehouse)
    if release is not None:
        return release
    if damage := releases.damage(warehouse):
        raise Damaged(f"{damage}: the next kili-warehouse run publishes a new release")
    raise NoWarehouse(f"no warehouse in {warehouse}: kili-warehouse run creates one")


def _values(warehouse: Path, query: str) -> set[str]:
    """The values of a query with one column; empty if there is no published warehouse, or it is damaged."""
    try:
        _current(warehouse)
        return {value for row in _query(warehouse, query) for value in row.values()}
    except (NoWarehouse, Damaged):
        return set()


def _query(warehouse: Path, query: str) -> list[Row]:
    file = warehouse / "warehouse.duckdb"
    try:
        with database.reading(file) as db:
            return database.rows(db, query)
    except duckdb.Error as error:
        if database.is_incomplete(error):
            raise Damaged(f"{file} is damaged: the next kili-warehouse run publishes a new release") from error
        raise
