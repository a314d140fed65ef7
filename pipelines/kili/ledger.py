"""The ledger of loaded exports, `kili.exports`: which exports still have to be read, and the result of a load."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from pipelines.kili import packaging, readings, records, versions
from pipelines.kili.reader import NewExport, unreadable_export
from pipelines.kili.stored import KnownAssets
from pipelines.landing import cache, discovery, fingerprints, local_files
from pipelines.landing.cache import ExportCache
from pipelines.loading import database, tables
from pipelines.settings import Settings

SCHEMA: Final = "kili"
_NEWEST_READINGS: Final = readings.newest("kili.exports")


@dataclass(frozen=True)
class Load:
    """The result of one load: its id (null if nothing was new), and the new and all rows by table.

    `exports_found` counts the given exports, equal contents once, known exports included. `exports_rejected` counts
    those of them that are rejected as a whole.
    """

    load_id: str | None
    new_row_counts: dict[str, int]
    row_counts: dict[str, int]
    exports_found: int
    exports_rejected: int


def identify_exports(found: list[discovery.Landed], settings: Settings) -> list[NewExport]:
    """Returns the exports with their ids, equal contents once, and their unreadable parts.

    If several places contain the same export, returns the place that was unreadable before.
    """
    unreadable_before = _read_so_far(settings.database).unreadable_at
    exports: dict[str, NewExport] = {}
    with cache.opened(settings) as known:
        for export in (export for landed in found for export in _identify(landed, known)):
            if export.export_id not in exports or discovery.is_at(export.landed.url, unreadable_before):
                exports[export.export_id] = export
    return list(exports.values())


def _identify(landed: discovery.Landed, known: ExportCache) -> Iterator[NewExport]:
    """Yields the export, and its unreadable part."""
    if landed.fault:
        yield unreadable_export(landed, [local_files.Fault(None, landed.fault)])
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
        yield unreadable_export(landed, faults)


def exports_to_read(exports: list[NewExport], file: Path) -> list[NewExport]:
    """Returns the exports to read: new, last read by another loader version, or unreadable before.

    Skips an unreadable part whose faults are already in the warehouse, unless another export of its address is read:
    the new reading would replace the old row about the unreadable part (see `readings.newest`).
    """
    so_far = _read_so_far(file)
    faults = {
        export.landed.url: {(fault.entry, fault.reason) for fault in export.faults}
        for export in exports
        if export.faults
    }
    readable_now = so_far.unreadable_at.keys() - faults.keys()
    addresses = {
        export.landed.url
        for export in exports
        if not export.faults
        and (export.export_id not in so_far.export_ids or discovery.is_at(export.landed.url, readable_now))
    }

    def has_to_be_read(export: NewExport) -> bool:
        url = export.landed.url
        is_recorded = not export.faults or so_far.unreadable_at.get(url) == faults[url]
        return url in addresses or export.export_id not in so_far.export_ids or not is_recorded

    return [export for export in exports if has_to_be_read(export)]


class _ReadSoFar(NamedTuple):
    """The ids of exports that this loader version has read, and the unreadable entries and reasons by address."""

    export_ids: set[str]
    unreadable_at: dict[str, set[tuple[str | None, str]]]


def _read_so_far(file: Path) -> _ReadSoFar:
    if not file.exists():
        return _ReadSoFar(set(), {})
    readings_sql = f"(select * from {_NEWEST_READINGS} where {tables.LOAD_ID} in {database.finished_loads(SCHEMA)})"
    with database.reading(file) as db:
        if database.LOADS not in database.table_names(db, SCHEMA):
            return _ReadSoFar(set(), {})
        current = db.execute(
            f"select export_id from {readings_sql} where loader_version = ?", [versions.LOADER_VERSION]
        ).fetchall()
        faults = db.execute(
            f"""select rejects.file_url, entry, reason
            from kili.rejects semi join {readings_sql} using (export_id, _dlt_load_id) where {readings.IS_UNREADABLE}"""
        ).fetchall()
    unreadable_at: dict[str, set[tuple[str | None, str]]] = {}
    for file_url, entry, reason in faults:
        unreadable_at.setdefault(file_url, set()).add((entry, reason))
    return _ReadSoFar({export_id for (export_id,) in current}, unreadable_at)


def is_outdated(file: Path) -> bool:
    """Whether a load has work without new exports: missing columns, or answers to flatten again."""
    with KnownAssets(file) as known:
        return (
            known.has_outdated_answers(versions.FLATTEN_VERSION)
            or not _declared_columns() <= database.columns(file, SCHEMA).keys()
        )


def _declared_columns() -> set[tuple[str, str]]:
    return {(table.name, column.name) for table in records.TABLES for column in table.columns}


def summary(load_id: str | None, exports: list[NewExport], file: Path) -> Load:
    """Returns the result of a load of exports."""
    new, total = database.row_counts(file, SCHEMA, records.TABLES, load_id)
    with database.reading(file) as db:
        ids = [export.export_id for export in exports]
        query = f"select count(*) from {_NEWEST_READINGS} where not is_rejected and list_contains(?, export_id)"
        loaded = db.execute(query, [ids]).fetchall()[0][0]
    return Load(load_id, new, total, len(exports), len(exports) - loaded)
