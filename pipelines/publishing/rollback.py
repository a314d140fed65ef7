"""Points the published warehouse at an earlier release, or at one that is named."""

from pathlib import Path
from typing import NamedTuple

from pipelines.publishing import links
from pipelines.publishing import release as releases


class NoRelease(Exception):
    """There is no intact release to go back to. The message says which are there."""


class Rollback(NamedTuple):
    """The release that was published before, and the one that is published now."""

    before: str
    after: str


def roll_back(warehouse: Path, named: str | None = None) -> Rollback:
    """Moves the link `current` to the release before it, or to the named one.

    The order is that of `release.json`, not of the ids, which a clock gives. Raises `NoRelease`.
    """
    current = warehouse / links.CURRENT
    if not current.exists():
        raise NoRelease(f"no warehouse has been published in {warehouse}")
    before = current.resolve().name
    folders = releases.releases(warehouse)
    ids = [folder.name for folder in folders]
    if named is None:
        place = ids.index(before) - 1 if before in ids else -1
        if place < 0:
            raise NoRelease(f"{warehouse} has no release before {before}")
    elif named in ids:
        place = ids.index(named)
    else:
        raise NoRelease(f"{warehouse} has no release `{named}`; it has {', '.join(ids)}")
    if not releases.is_intact(folders[place]):
        raise NoRelease(f"release {ids[place]} is damaged; name another of {', '.join(ids)}")
    links.point_to(warehouse, ids[place])
    return Rollback(before, ids[place])
