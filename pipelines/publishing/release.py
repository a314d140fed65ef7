"""Publishes the warehouse: writes a release folder, then switches a link to it atomically.

Consumers may keep files of an older release open.
"""

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

from pipelines.kili import forgotten
from pipelines.loading import database
from pipelines.publishing import links, published_tables
from pipelines.publishing.report import pages

log = logging.getLogger(__name__)

_KEPT_RELEASES: Final = 3
_ID: Final = "%Y%m%dT%H%M%S.%fZ"
_IS_ID: Final = re.compile(r"\d{8}T\d{6}\.\d{6}Z")
_WRITABLE_BY_OTHERS: Final = 0o022
_METADATA: Final = "release.json"


@dataclass(frozen=True)
class Release:
    """A published state of the warehouse, with digests of the loads and models that it was built from.

    Releases are sorted by `sequence`, which does not depend on a clock. Those of older code have 0 and are sorted by
    `id`. `as_of`: the UTC time as of which the marts are, in ISO 8601; null for the current state.
    `forgotten_digest`: hash of the list of forgotten people.
    """

    id: str
    loads_digest: str
    models_digest: str
    row_counts: dict[str, int]
    sequence: int = 0
    as_of: str | None = None
    forgotten_digest: str = ""


_RELEASE: Final = pydantic.TypeAdapter(Release)


def current(warehouse: Path) -> Release | None:
    """The published release; null if there is none, or its `release.json` is damaged."""
    return _read(warehouse / links.CURRENT)


def newest(warehouse: Path) -> Release | None:
    """The release made last, which the pipeline's database was built for. After a rollback it is not published."""
    folders = releases(warehouse)
    return _read(folders[-1]) if folders else None


def _read(folder: Path) -> Release | None:
    try:
        return _RELEASE.validate_json((folder / _METADATA).read_bytes(), strict=True)
    except PermissionError:
        raise
    except (OSError, pydantic.ValidationError):
        return None


def damage(warehouse: Path) -> str | None:
    """The damage of the published release, as a sentence; null if it is intact, or nothing is published.

    Counts the rows of marts, but does not read them.
    """
    folder = warehouse / links.CURRENT
    if not os.path.lexists(folder):
        return None
    release = _read(folder)
    if release is None:
        return f"{folder / _METADATA} is damaged"
    if missing := next((name for name in links.FILES if not (warehouse / name).exists()), None):
        return f"{warehouse / missing} is missing"
    return None if is_intact(folder) else f"{folder / 'warehouse.duckdb'} is damaged"


def is_intact(folder: Path) -> bool:
    """Whether a release folder has its metadata and its database, with all rows."""
    release = _read(folder)
    if release is None:
        return False
    try:
        with database.reading(folder / "warehouse.duckdb") as db:
            tables = db.execute("select schema_name || '.' || table_name from duckdb_tables()").fetchall()
            counts = {name: db.execute(f"select count(*) from {name}").fetchall()[0][0] for (name,) in tables}
            for name in published_tables.LEDGER:
                db.execute(f"select bit_xor(hash({name})) from kili.{name}").fetchall()
    except duckdb.Error as error:
        return not database.is_incomplete(error)
    return counts == release.row_counts


def releases(warehouse: Path) -> list[Path]:
    """The release folders, oldest first."""
    folder = warehouse / links.RELEASES
    return [path for _, path in _in_order(folder)] if folder.is_dir() else []


def is_current(warehouse: Path, file: Path, models_digest: str) -> bool:
    """Whether the published release is intact, the newest, and was built from the current loads and models."""
    release = current(warehouse)
    if release is None or release.models_digest != models_digest or damage(warehouse):
        return False
    is_of_same_people = release.forgotten_digest == _forgotten_digest(file)
    return release == newest(warehouse) and is_of_same_people and release.loads_digest == _loads_digest(file)


def _forgotten_digest(file: Path) -> str:
    """Hash of the list of forgotten people beside the pipeline's database; empty if nobody was forgotten."""
    listed = file.with_name(forgotten.FILE)
    return hashlib.sha256(listed.read_bytes()).hexdigest() if listed.exists() else ""


def _loads_digest(file: Path) -> str:
    """Hash of the ids of all finished loads in the pipeline's database, of exports and of comparisons."""
    query = "select schema_name from duckdb_tables() where table_name = ?"
    with database.reading(file) as db:
        ledgers = db.execute(query, [database.LOADS]).fetchall()
        finished = " union ".join(f"from {database.finished_loads(schema)}" for (schema,) in ledgers)
        loads = db.execute(f"{finished} order by load_id").fetchall()
    return hashlib.sha256(repr(loads).encode()).hexdigest()


def publish(
    warehouse: Path, file: Path, models_digest: str, as_of: str | None = None, data_dictionary: Path | None = None
) -> Release:
    """Copies marts, comparison and ledger to a new release, with the page of its columns, then points `current` at it.

    A crash leaves no partial release: the next call removes its folder. Raises `links.Blocked` before any change.
    """
    links.check(warehouse)
    releases = warehouse / links.RELEASES
    for folder in (warehouse, releases):
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    _remove_unfinished(releases)
    digest = _loads_digest(file)
    release_id = _new_id(releases)
    unfinished = releases / f".{release_id}"
    unfinished.mkdir()
    counts = published_tables.copy(file, unfinished / "warehouse.duckdb")
    sequence = max((sequence for sequence, _ in _in_order(releases)), default=0) + 1
    release = Release(release_id, digest, models_digest, counts, sequence, as_of, _forgotten_digest(file))
    published_tables.write_parquet(unfinished / "warehouse.duckdb", unfinished / "parquet", scratch=file)
    pages.write(unfinished / "warehouse.duckdb", unfinished / "site", release_id)
    if data_dictionary:
        (unfinished / "site" / "docs").mkdir()
        shutil.copyfile(data_dictionary, unfinished / "site" / "docs" / "index.html")
    (unfinished / _METADATA).write_text(json.dumps(asdict(release), indent=2))
    _protect(unfinished)
    _sync(unfinished)
    os.replace(unfinished, releases / release_id)
    links.point_to(warehouse, release_id)
    in_order = [folder for _, folder in _in_order(releases)]
    for old in in_order[:-1]:
        if old not in in_order[-_KEPT_RELEASES:] or _names_forgotten(old, release):
            shutil.rmtree(old)
    return release


def _names_forgotten(folder: Path, newest: Release) -> bool:
    """Whether a release is from before someone was forgotten, so that nobody may go back to it."""
    release = _read(folder)
    return bool(newest.forgotten_digest) and (release is None or release.forgotten_digest != newest.forgotten_digest)


def _new_id(releases: Path) -> str:
    """The current time, or the next free one: a clock that was set back can give a time twice."""
    now = datetime.now(UTC)
    while (releases / f"{now:{_ID}}").exists():
        now += timedelta(microseconds=1)
    return f"{now:{_ID}}"


def _in_order(releases: Path) -> list[tuple[int, Path]]:
    """The release folders with their sequence numbers, oldest first. Ignores all other files and folders."""
    numbered = []
    for folder in _folders(releases):
        if _IS_ID.fullmatch(folder.name) and (folder / _METADATA).exists():
            release = _read(folder)
            numbered.append((release.sequence if release else 0, folder))
    return sorted(numbered)


def _remove_unfinished(releases: Path) -> None:
    """Removes the folders of releases that were not finished."""
    for folder in _folders(releases):
        if folder.name.startswith(".") and _IS_ID.fullmatch(folder.name[1:]):
            shutil.rmtree(folder)


def _folders(releases: Path) -> Iterator[Path]:
    return (path for path in list(releases.iterdir()) if path.is_dir() and not path.is_symlink())


def _protect(folder: Path) -> None:
    """Makes a release and its files writable by their owner only, whatever the umask."""
    for path in [*folder.rglob("*"), folder]:
        path.chmod(path.stat().st_mode & ~_WRITABLE_BY_OTHERS)


def _sync(folder: Path) -> None:
    """Waits until the release is on disk, so that after a power cut the link never points to incomplete files."""
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)
