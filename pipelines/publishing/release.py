"""Publishes a release: a folder that consumers may keep open, and a link that moves to it in one step."""

import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb
import pydantic

from pipelines.loading import database
from pipelines.publishing import published_tables
from pipelines.publishing.report import pages

log = logging.getLogger(__name__)

_KEPT_RELEASES: Final = 3
_RELEASES: Final = "releases"
_ID: Final = "%Y%m%dT%H%M%S.%fZ"
_IS_ID: Final = re.compile(r"\d{8}T\d{6}\.\d{6}Z")
_CURRENT: Final = "current"
_WRITABLE_BY_OTHERS: Final = 0o022
_FACTS: Final = "release.json"
_LINKS: Final = ("warehouse.duckdb", "parquet", "site")


class Blocked(Exception):
    """A file or folder of the user is in the place of a link or folder of the warehouse. The text names it."""


@dataclass(frozen=True)
class Release:
    """A published state of the warehouse: the hashes of its loads and models, and its row counts.

    Releases are ordered by `sequence`, independent of clocks. Those of older versions have 0 and are ordered by `id`.
    """

    id: str
    loads_digest: str
    models_digest: str
    row_counts: dict[str, int]
    sequence: int = 0


_RELEASE: Final = pydantic.TypeAdapter(Release)


def current(warehouse: Path) -> Release | None:
    """The current release; null if there is none, or its `release.json` is damaged."""
    return _read(warehouse / _CURRENT)


def _read(folder: Path) -> Release | None:
    try:
        return _RELEASE.validate_json((folder / _FACTS).read_bytes(), strict=True)
    except PermissionError:
        raise
    except (OSError, pydantic.ValidationError):
        return None


def damage(warehouse: Path) -> str | None:
    """The damage of the current release in words; null if there is none, or no release.

    Rows of marts are counted, not read.
    """
    folder = warehouse / _CURRENT
    if not os.path.lexists(folder):
        return None
    release = _read(folder)
    if release is None:
        return f"{folder / _FACTS} is damaged"
    if missing := next((name for name in _LINKS if not (warehouse / name).exists()), None):
        return f"{warehouse / missing} is missing"
    file = folder / "warehouse.duckdb"
    return None if _is_whole(file, release) else f"{file} is damaged"


def _is_whole(file: Path, release: Release) -> bool:
    try:
        with database.reading(file) as db:
            tables = db.execute("select schema_name || '.' || table_name from duckdb_tables()").fetchall()
            counts = {name: db.execute(f"select count(*) from {name}").fetchall()[0][0] for (name,) in tables}
            for name in published_tables.LEDGER:
                db.execute(f"select bit_xor(hash({name})) from kili.{name}").fetchall()
    except duckdb.Error as error:
        return not database.is_incomplete(error)
    return counts == release.row_counts


def releases(warehouse: Path) -> list[Path]:
    """The release folders, the oldest first."""
    folder = warehouse / _RELEASES
    return [path for _, path in _in_order(folder)] if folder.is_dir() else []


def check_links(warehouse: Path) -> None:
    """Raises `Blocked` if a file or folder is in the place of a link."""
    for name in (_CURRENT, *_LINKS):
        for path in (warehouse / name, _new(warehouse / name)):
            if os.path.lexists(path) and not path.is_symlink():
                kind = "folder" if path.is_dir() else "file"
                raise Blocked(f"{path} is a {kind}, where the warehouse puts a link: move it away, then run again")
    releases = warehouse / _RELEASES
    if os.path.lexists(releases) and not releases.is_dir():
        raise Blocked(f"{releases} is a file, where the warehouse puts a folder: move it away, then run again")


def is_current(warehouse: Path, file: Path, models_digest: str) -> bool:
    """Whether the current release was made from the current loads and models."""
    release = current(warehouse)
    if release is None or release.models_digest != models_digest or damage(warehouse):
        return False
    return release.loads_digest == _loads_digest(file)


def _loads_digest(file: Path) -> str:
    """The hash of all finished loads in the pipeline's database."""
    query = "select schema_name from duckdb_tables() where table_name = ?"
    with database.reading(file) as db:
        ledgers = db.execute(query, [database.LOADS]).fetchall()
        finished = " union ".join(f"from {database.finished_loads(schema)}" for (schema,) in ledgers)
        loads = db.execute(f"{finished} order by load_id").fetchall()
    return hashlib.sha256(repr(loads).encode()).hexdigest()


def publish(warehouse: Path, file: Path, models_digest: str) -> Release:
    """Copies marts, comparison and ledger to a new release and points `current` at it.

    A crash leaves no partial release. Raises `Blocked`, before anything is changed.
    """
    check_links(warehouse)
    releases = warehouse / _RELEASES
    for folder in (warehouse, releases):
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    _remove_unfinished(releases)
    digest = _loads_digest(file)
    release_id = _new_id(releases)
    making = releases / f".{release_id}"
    making.mkdir()
    counts = published_tables.copy(file, making / "warehouse.duckdb")
    sequence = max((sequence for sequence, _ in _in_order(releases)), default=0) + 1
    release = Release(release_id, digest, models_digest, counts, sequence)
    published_tables.write_parquet(making / "warehouse.duckdb", making / "parquet", scratch=file)
    pages.write(making / "warehouse.duckdb", making / "site", release_id)
    (making / _FACTS).write_text(json.dumps(asdict(release), indent=2))
    _protect(making)
    _sync(making)
    os.replace(making, releases / release_id)
    _link(Path(_RELEASES, release_id), warehouse / _CURRENT)
    for name in _LINKS:
        _link(Path(_CURRENT, name), warehouse / name)
    for _, old in _in_order(releases)[:-_KEPT_RELEASES]:
        shutil.rmtree(old)
    return release


def _new_id(releases: Path) -> str:
    """The current time, or the next free one if a clock was set back."""
    now = datetime.now(UTC)
    while (releases / f"{now:{_ID}}").exists():
        now += timedelta(microseconds=1)
    return f"{now:{_ID}}"


def _in_order(releases: Path) -> list[tuple[int, Path]]:
    """The release folders with their sequence numbers, the oldest first. Other files are ignored."""
    found = []
    for folder in _folders(releases):
        if _IS_ID.fullmatch(folder.name) and (folder / _FACTS).exists():
            release = _read(folder)
            found.append((release.sequence if release else 0, folder))
    return sorted(found)


def _remove_unfinished(releases: Path) -> None:
    """Removes unfinished releases."""
    for folder in _folders(releases):
        if folder.name.startswith(".") and _IS_ID.fullmatch(folder.name[1:]):
            shutil.rmtree(folder)


def _folders(releases: Path) -> Iterator[Path]:
    return (path for path in list(releases.iterdir()) if path.is_dir() and not path.is_symlink())


def _protect(folder: Path) -> None:
    """Makes a release writable by its owner only, whatever the umask."""
    for path in [*folder.rglob("*"), folder]:
        path.chmod(path.stat().st_mode & ~_WRITABLE_BY_OTHERS)


def _sync(folder: Path) -> None:
    """Flushes the release to disk, so that the link never points to a partial file after a power failure."""
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)


def _link(target: Path, link: Path) -> None:
    made = _new(link)
    made.unlink(missing_ok=True)
    made.symlink_to(target)
    os.replace(made, link)


def _new(link: Path) -> Path:
    return link.with_name(f".{link.name}.new")
