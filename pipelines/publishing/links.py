"""The links in the warehouse folder, by which consumers reach the published release."""

import os
from pathlib import Path
from typing import Final

RELEASES: Final = "releases"
"""The folder of the release folders."""
CURRENT: Final = "current"
"""The link to the published release folder."""
FILES: Final = ("warehouse.duckdb", "parquet", "site")
"""The links to files and folders in the published release."""


class Blocked(Exception):
    """A file or folder of the user is in the place of one of the links. The message has its path."""


def check(warehouse: Path) -> None:
    """Raises `Blocked` if a file or folder is in the place of a link, or a file in the place of the releases."""
    for name in (CURRENT, *FILES):
        for path in (warehouse / name, _new(warehouse / name)):
            if os.path.lexists(path) and not path.is_symlink():
                kind = "folder" if path.is_dir() else "file"
                raise Blocked(f"{path} is a {kind}, but the warehouse needs a link there: move it away, then run again")
    releases = warehouse / RELEASES
    if os.path.lexists(releases) and not releases.is_dir():
        raise Blocked(f"{releases} is a file, but the warehouse needs a folder there: move it away, then run again")


def point_to(warehouse: Path, release_id: str) -> None:
    """Moves the link `current` to a release in one step, and makes the other links if they are missing."""
    _link(Path(RELEASES, release_id), warehouse / CURRENT)
    for name in FILES:
        _link(Path(CURRENT, name), warehouse / name)


def _link(target: Path, link: Path) -> None:
    new_link = _new(link)
    new_link.unlink(missing_ok=True)
    new_link.symlink_to(target)
    os.replace(new_link, link)


def _new(link: Path) -> Path:
    return link.with_name(f".{link.name}.new")
