"""The ledger of exports in the pipeline's database: which exports it holds, and which have to be read."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from pipelines.kili import packaging, readings, records, versions
from pipelines.kili.reader import NewExport, unreadable
from pipelines.kili.stored import Known
from pipelines.landing import cache, discovery, fingerprints, local_files
from pipelines.landing.cache import ExportCache
from pipelines.loading import database, tables
from pipelines.settings import Settings

SCHEMA: Final = "kili"
_NEWEST_READINGS: Final = readings.newest("kili.exports")


@dataclass(frozen=True)
class Load:
    """The result of a load: its id (null if nothing was new), the rows it wrote and all rows, by table.

    `exports_found`: distinct exports that were found, known ones included. `exports_rejected`: those that are rejected
    whole.
    """

    load_id: str | None
    new_row_counts: dict[str, int]
    row_counts: dict[str, int]
    exports_found: int
    exports_rejected: int


def identified(found: list[discovery.Landed], settings: Settings) -> list[NewExport]:
    """The exports, each content once, and their unreadable parts.

    If a content has several addresses, one that could not be read before is preferred.
    """
    awaited = _read_so_far(settings.database).unreadable_at
    exports: dict[str, NewExport] = {}
    with cache.opened(settings) as known:
        for one in (export for landed in found for export in _identified(landed, known)):
            if one.export_id not in exports or discovery.is_at(one.landed.url, awaited):
                exports[one.export_id] = one
    return list(exports.values())


def _identified(landed: discovery.Landed, known: ExportCache) -> Iterator[NewExport]:
    """Yields the export and its unreadable part."""
    if landed.fault:
        yield unreadable(landed, [local_files.Fault(None, landed.fault)])
        return
    faults: list[local_files.Fault] = []
    try:
        state = fingerprints.local(landed.path)
        faults += state.faults
        if not faults or packaging.has_documents(landed.path):
            yield NewExport(landed, *known.identify(landed.path, state), state=state.text)
    except OSError as error:
        faults.append(local_files.fault_from(error))
    if faults:
        yield unreadable(landed, faults)


def unread(exports: list[NewExport], file: Path) -> list[NewExport]:
    """The exports that have to be read: new ones, those last read by another version, and unreadable ones.

    An export that is unreadable for the same reasons as before is skipped, unless another export at its address is
    read: that one would hide it.
    """
    so_far = _read_so_far(file)
    faults = {one.landed.url: {(fault.entry, fault.reason) for fault in one.faults} for one in exports if one.faults}
    readable_now = so_far.unreadable_at.keys() - faults.keys()
    addresses = {
        one.landed.url
        for one in exports
        if not one.faults and (one.export_id not in so_far.export_ids or discovery.is_at(one.landed.url, readable_now))
    }

    def is_unread(one: NewExport) -> bool:
        is_told = not one.faults or so_far.unreadable_at.get(one.landed.url) == faults[one.landed.url]
        return one.landed.url in addresses or one.export_id not in so_far.export_ids or not is_told

    return [one for one in exports if is_unread(one)]


class _ReadSoFar(NamedTuple):
    """The exports that this version has read, and by address the entries and reasons of unreadable files."""

    export_ids: set[str]
    unreadable_at: dict[str, set[tuple[str | None, str]]]


def _read_so_far(file: Path) -> _ReadSoFar:
    if not file.exists():
        return _ReadSoFar(set(), {})
    read = f"(select * from {_NEWEST_READINGS} where {tables.LOAD_ID} in {database.finished_loads(SCHEMA)})"
    with database.reading(file) as db:
        if database.LOADS not in database.table_names(db, SCHEMA):
            return _ReadSoFar(set(), {})
        current = db.execute(
            f"select export_id from {read} where loader_version = ?", [versions.LOADER_VERSION]
        ).fetchall()
        faults = db.execute(
            f"""select rejects.file_url, entry, reason
            from kili.rejects semi join {read} using (export_id, _dlt_load_id) where {readings.IS_UNREADABLE}"""
        ).fetchall()
    unreadable_at: dict[str, set[tuple[str | None, str]]] = {}
    for file_url, entry, reason in faults:
        unreadable_at.setdefault(file_url, set()).add((entry, reason))
    return _ReadSoFar({export_id for (export_id,) in current}, unreadable_at)


def is_outdated(file: Path) -> bool:
    """Whether a load has work without new exports: missing columns, or answers of an older flattening."""
    with Known(file) as known:
        return (
            known.has_outdated(versions.FLATTEN_VERSION)
            or not _declared_columns() <= database.columns(file, SCHEMA).keys()
        )


def _declared_columns() -> set[tuple[str, str]]:
    return {(table.name, column.name) for table in records.TABLES for column in table.columns}


def summary(load_id: str | None, exports: list[NewExport], file: Path) -> Load:
    """The result of a load of these exports."""
    new, total = database.row_counts(file, SCHEMA, records.TABLES, load_id)
    with database.reading(file) as db:
        ids = [export.export_id for export in exports]
        query = f"select count(*) from {_NEWEST_READINGS} where not is_rejected and list_contains(?, export_id)"
        loaded = db.execute(query, [ids]).fetchall()[0][0]
    return Load(load_id, new, total, len(exports), len(exports) - loaded)
