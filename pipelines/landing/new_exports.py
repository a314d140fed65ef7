"""Finds the exports under a URL that the warehouse does not hold yet, by their content."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pipelines.landing import cache, discovery, fingerprints
from pipelines.landing.cache import ExportCache
from pipelines.settings import Settings

_MAX_HASHED: Final = 2 << 30  # bytes that one scan reads, a few seconds' worth: Dagster gives a sensor a minute
_MAX_FETCHED: Final = 128 << 20


@dataclass
class ScanResult:
    """The exports under a URL.

    new: ids of those to be loaded. Where a scan may not take the time to read one, its fingerprint stands for its id.
    known: how many the warehouse holds.
    waiting: the addresses of those that are still being written, or cannot be read.
    """

    new: set[str] = field(default_factory=set)
    known: int = 0
    waiting: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Loaded:
    """What the warehouse holds: the ids of its exports, and the addresses of what no load could read so far."""

    export_ids: Collection[str]
    unreadable: Collection[str]


def find_new(settings: Settings, url: str, loaded: Loaded, has_documents: Callable[[Path], bool]) -> ScanResult:
    """Sorts what lies under a URL. Only exports that changed since the last scan are read or fetched.

    `has_documents` returns whether a folder, some of which cannot be read, has files to load. Raises `NoExport`.
    """
    scan = ScanResult()
    budget = {True: _MAX_FETCHED, False: _MAX_HASHED}
    with cache.opened(settings) as known:
        for one in discovery.find(url, settings.warehouse):
            export_id, is_whole = _identify(one, known, budget, has_documents)
            if not is_whole:
                scan.waiting.append(one.url)
            if export_id in loaded.export_ids and not (is_whole and discovery.is_at(one.url, loaded.unreadable)):
                scan.known += 1
            elif export_id:
                scan.new.add(export_id)
    return scan


def _identify(
    found: discovery.Found, known: ExportCache, budget: dict[bool, int], has_documents: Callable[[Path], bool]
) -> tuple[str | None, bool]:
    """The id of what can be read of an export, or its fingerprint, and whether that is all of it.

    The id is null if the export is still being written. `budget` is how many bytes the scan may still fetch (true) or
    hash (false).
    """
    try:
        state = fingerprints.fingerprint(found)
        is_unreadable = bool(state.faults) and not has_documents(Path(found.path))
        if is_unreadable or not fingerprints.is_settled(found):
            return None, False
        export_id, is_remote = known.known(found), found.remote is not None
        if export_id is None and state.size_bytes <= budget[is_remote]:
            budget[is_remote] -= state.size_bytes
            landed = known.land(found)
            if landed.fault:
                return None, False
            export_id, _ = known.identify(landed.path)
    except OSError:
        return None, False
    return export_id or state.text or found.url, not state.faults
