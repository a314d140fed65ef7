"""What a look at the landing place finds: exports that the published warehouse does not hold, by their content."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pipelines.kili import readings
from pipelines.landing import archives, cache, discovery, fingerprints
from pipelines.landing.cache import ExportCache
from pipelines.publishing import contents
from pipelines.settings import Settings

_HASHED: Final = 2 << 30  # bytes that a look reads at most, a few seconds' worth: Dagster gives it a minute
_FETCHED: Final = 128 << 20


@dataclass
class Seen:
    """The exports in the landing place.

    new: ids of those to be loaded; where a look may not take the time to read one, its fingerprint stands for its id.
    known: how many the warehouse holds.
    waiting: where those lie that are still being written, or cannot be read.
    """

    new: set[str] = field(default_factory=set)
    known: int = 0
    waiting: list[str] = field(default_factory=list)


def look(settings: Settings, url: str) -> Seen:
    """Sorts what lies under a URL; reads or fetches only what has changed since the last time. Raises `NoExport`."""
    seen = Seen()
    loaded, unreadable = contents.export_ids(settings.warehouse), contents.unreadable(settings.warehouse)
    left = {True: _FETCHED, False: _HASHED}
    with cache.opened(settings) as known:
        for one in discovery.find(url, settings.warehouse):
            export_id, is_whole = _identify(one, known, left)
            if not is_whole:
                seen.waiting.append(one.url)
            if export_id in loaded and not (is_whole and readings.is_at(one.url, unreadable)):
                seen.known += 1
            elif export_id:
                seen.new.add(export_id)
    return seen


def _identify(found: discovery.Found, known: ExportCache, left: dict[bool, int]) -> tuple[str | None, bool]:
    """The id of what can be read of an export, or its fingerprint, and whether that is all of it.

    The id is null if the export is still being written. `left` is how many bytes a look may still fetch (true) or hash.
    """
    try:
        state = fingerprints.of(found)
        is_unreadable = bool(state.faults) and not archives.has_documents(Path(found.path))
        if is_unreadable or not fingerprints.is_settled(found):
            return None, False
        export_id, is_remote = known.known(found), found.remote is not None
        if export_id is None and state.size_bytes <= left[is_remote]:
            left[is_remote] -= state.size_bytes
            landed = known.land(found)
            if landed.fault:
                return None, False
            export_id, _ = known.identify(landed.path)
    except OSError:
        return None, False
    return export_id or state.text or found.url, not state.faults
