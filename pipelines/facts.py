"""What a warehouse holds, read from its published release, which no running pipeline ever locks."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb

from pipelines import publishing
from pipelines.kili import readings

Row = dict[str, Any]

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
    """The folder holds no published warehouse."""


def status(warehouse: Path) -> Row:
    """Exports loaded, rows by table, rejects, and the age of the newest export in seconds. Raises `NoWarehouse`."""
    release = publishing.current(warehouse)
    if release is None:
        raise NoWarehouse(f"no warehouse in {warehouse}: kili-warehouse run makes one")
    exports = _ask(warehouse, _EXPORTS)
    newest = max((export["as_of"] for export in exports if export["as_of"]), default=None)
    return {
        "warehouse": str(warehouse / "warehouse.duckdb"),
        "release": release.id,
        "exports": exports,
        "row_counts": release.row_counts,
        "reject_count": release.row_counts["kili.rejects"],
        "newest_export_as_of": newest,
        "newest_export_age_seconds": (datetime.now(UTC) - newest).total_seconds() if newest else None,
    }


def rejects(warehouse: Path) -> list[Row]:
    """The rejected records: file, place in the file, reason. Raises `NoWarehouse`."""
    if publishing.current(warehouse) is None:
        raise NoWarehouse(f"no warehouse in {warehouse}: kili-warehouse run makes one")
    return _ask(warehouse, _REJECTS)


def export_ids(warehouse: Path) -> set[str]:
    """The exports in the published warehouse; none if there is none."""
    if publishing.current(warehouse) is None:
        return set()
    return {row["export_id"] for row in _ask(warehouse, "select export_id from kili.exports")}


def unreadable(warehouse: Path) -> set[str]:
    """The addresses of what could not be read, and has not been since; none if there is no published warehouse."""
    if publishing.current(warehouse) is None:
        return set()
    found = _ask(warehouse, f"select file_url from kili.exports where {readings.IS_UNREADABLE}")
    return {row["file_url"] for row in found}


def numbers(warehouse: Path) -> Row:
    """The time of the newest label, the pairs of a review and what it reviewed, and the mean of their scores."""
    return _ask(warehouse, _NUMBERS)[0]


def edits(warehouse: Path) -> list[tuple[str, int]]:
    """What became of annotations under review, and of how many, the most frequent first."""
    return [(row["edit"], row["annotations"]) for row in _ask(warehouse, _EDITS)]


def _ask(warehouse: Path, query: str) -> list[Row]:
    with duckdb.connect(str(warehouse / "warehouse.duckdb"), read_only=True) as db:
        db.execute("set TimeZone = 'UTC'")
        found = db.execute(query)
        names = [column[0] for column in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
