"""What a look at the landing place finds: exports that the published warehouse does not hold, by their content."""

from dataclasses import dataclass, field
from typing import Final

from pipelines import facts, fingerprints, identities, landing
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
    loaded = facts.export_ids(settings.warehouse)
    left = {True: _FETCHED, False: _HASHED}
    with identities.opened(settings) as known:
        for one in landing.find(url, settings.warehouse):
            try:
                state = fingerprints.of(one)
                if not fingerprints.is_settled(one):
                    seen.waiting.append(one.url)
                    continue
                export_id, is_remote = known.known(one), one.remote is not None
                if export_id is None and state.size_bytes <= left[is_remote]:
                    left[is_remote] -= state.size_bytes
                    export_id, _ = known.identify(known.land(one).path)
            except OSError:
                seen.waiting.append(one.url)
                continue
            if export_id in loaded:
                seen.known += 1
            else:
                seen.new.add(export_id or state.text or one.url)
    return seen
