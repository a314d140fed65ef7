"""Finds the exports under a URL whose content the warehouse does not have yet."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pipelines.landing import cache, discovery, fingerprints
from pipelines.landing.cache import ExportCache
from pipelines.settings import Settings

_MAX_HASHED: Final = 2 << 30  # bytes per scan, hashed in a few seconds: Dagster gives a sensor one minute
_MAX_FETCHED: Final = 128 << 20


@dataclass
class ScanResult:
    """The exports under a URL.

    new: ids of exports to load. An export that exceeds the scan's budget has its fingerprint in place of its id.
    known: the number of exports that the warehouse has.
    waiting: addresses of exports that are still being written, or cannot be read.
    """

    new: set[str] = field(default_factory=set)
    known: int = 0
    waiting: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Loaded:
    """The ids of the exports in the warehouse, and the addresses of those that no load could read so far."""

    export_ids: Collection[str]
    unreadable: Collection[str]


def find_new(settings: Settings, url: str, loaded: Loaded, has_documents: Callable[[Path], bool]) -> ScanResult:
    """Scans the exports under a URL. Reads or fetches only exports that have changed since the last scan.

    `has_documents` returns whether a folder that can be read in part has files to load. Raises `NoExport`.
    """
    scan = ScanResult()
    budget = {True: _MAX_FETCHED, False: _MAX_HASHED}
    with cache.opened(settings) as exports:
        for export in discovery.find(url, settings.warehouse):
            export_id, is_complete = _identify(export, exports, budget, has_documents)
            if not is_complete:
                scan.waiting.append(export.url)
            is_readable_again = is_complete and discovery.is_at(export.url, loaded.unreadable)
            if export_id in loaded.export_ids and not is_readable_again:
                scan.known += 1
            elif export_id:
                scan.new.add(export_id)
    return scan


def _identify(
    export: discovery.FoundExport,
    exports: ExportCache,
    budget: dict[bool, int],
    has_documents: Callable[[Path], bool],
) -> tuple[str | None, bool]:
    """The id of an export's readable content, or its fingerprint, and whether all of it can be read.

    The id is null if the export is still being written. `budget`: the bytes that the scan may still fetch (true) or
    hash (false).
    """
    try:
        state = fingerprints.fingerprint(export)
        is_unreadable = bool(state.faults) and not has_documents(Path(export.path))
        if is_unreadable or not fingerprints.is_settled(export):
            return None, False
        export_id, is_remote = exports.known(export), export.remote is not None
        if export_id is None and state.size_bytes <= budget[is_remote]:
            budget[is_remote] -= state.size_bytes
            landed = exports.land(export)
            if landed.fault:
                return None, False
            export_id, _ = exports.identify(landed.path)
    except OSError:
        return None, False
    return export_id or state.text or export.url, not state.faults
