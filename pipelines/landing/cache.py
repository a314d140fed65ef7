"""Caches content ids and remote exports. An export is hashed, or fetched, only once until it changes."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path, PurePosixPath
from typing import Final

from pipelines import derived
from pipelines.landing import archives, fingerprints
from pipelines.landing.discovery import Found, Landed, NoExport
from pipelines.landing.fingerprints import Fingerprint
from pipelines.settings import Settings

_GRANULE: Final = 2  # seconds: the resolution of file times on some file systems
_CHUNK: Final = 1 << 20
_TABLE: Final = """
    create table if not exists identities (
        place blob primary key, fingerprint text not null, export_id text not null, size_bytes integer not null
    )"""

Identity = tuple[str, int]


class ExportCache:
    """The content ids of exports by place and fingerprint, in SQLite in the work folder.

    Several processes may read and write at once.
    """

    def __init__(self, db: sqlite3.Connection, landing: Path) -> None:
        self._db = db
        self._landing = landing

    def known(self, found: Found) -> str | None:
        """The cached id of an export; null if the export has changed or was never read."""
        identity = self._recall(_place(found), fingerprints.fingerprint(found).text)
        return identity[0] if identity else None

    def land(self, found: Found) -> Landed:
        """The export as a local file or folder: itself, or a copy in the landing folder under the export's id.

        An export that is gone or may not be read has a fault. Raises `NoExport` if the store cannot be reached.
        """
        if found.remote is None:
            return Landed(found.url, Path(found.path))
        fingerprint = fingerprints.fingerprint(found).text
        identity = self._recall(_place(found), fingerprint)
        if identity is None or not self._copy(found, identity).exists():
            try:
                identity = self._fetch(found)
            except (FileNotFoundError, PermissionError) as error:
                return Landed(found.url, self._landing, archives.fault(error).reason)
            self._remember(_place(found), fingerprint, identity)
            copy = self._copy(found, identity)
            self._remember(os.fsencode(copy), fingerprints.local(copy).text, identity)
        return Landed(found.url, self._copy(found, identity))

    def identify(self, path: Path, state: Fingerprint | None = None) -> Identity:
        """The id and size in bytes of an export on this machine, cached.

        `state`: the fingerprint of its files, if it is known.
        """
        place, state = os.fsencode(path.absolute()), state or fingerprints.local(path)
        is_old_enough = state.age > _GRANULE
        identity = self._recall(place, state.text)
        if identity is None:
            identity = archives.identify(path)
            if is_old_enough and fingerprints.local(path) == state:
                self._remember(place, state.text, identity)
        return identity

    def _recall(self, place: bytes, fingerprint: str | None) -> Identity | None:
        query = "select export_id, size_bytes from identities where place = ? and fingerprint = ?"
        found: Identity | None = self._db.execute(query, [place, fingerprint]).fetchone()
        return found

    def _remember(self, place: bytes, fingerprint: str | None, identity: Identity) -> None:
        if fingerprint is not None:
            self._db.execute("insert or replace into identities values (?, ?, ?, ?)", [place, fingerprint, *identity])

    def _copy(self, found: Found, identity: Identity) -> Path:
        return self._landing.joinpath(identity[0], *_harmless(PurePosixPath(PurePosixPath(found.path).name)))

    def _fetch(self, found: Found) -> Identity:
        """Fetches an export into the landing folder. The copy appears in one step."""
        self._landing.mkdir(parents=True, exist_ok=True)
        try:
            with tempfile.TemporaryDirectory(dir=self._landing) as made:
                copy = Path(made, "export")
                for name in found.names or (found.path,):
                    inside = copy.joinpath(*_harmless(PurePosixPath(name).relative_to(found.path)))
                    inside.parent.mkdir(parents=True, exist_ok=True)
                    with found.remote.open(name, "rb") as source, inside.open("wb") as target:
                        shutil.copyfileobj(source, target, _CHUNK)
                        target.flush()
                        os.fsync(target.fileno())
                identity = archives.identify(copy)
                place = self._copy(found, identity)
                place.parent.mkdir(exist_ok=True)
                if not place.exists():
                    os.replace(copy, place)
        except (FileNotFoundError, PermissionError):
            raise
        except Exception as error:  # each store raises other errors
            raise NoExport(f"cannot read {found.url}: {error}") from error
        return identity


@contextmanager
def opened(settings: Settings) -> Iterator[ExportCache]:
    """Opens the cache of a warehouse. A damaged cache is rebuilt."""
    work = settings.prepare_work()
    file = work / "identities.sqlite"
    derived.check_sqlite(file, "and exports are hashed again")
    with closing(sqlite3.connect(file, timeout=60, isolation_level=None)) as db:
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = normal")
        db.execute(_TABLE)
        yield ExportCache(db, work / "landing")


def _place(found: Found) -> bytes:
    return os.fsencode(found.url if found.remote is not None else Path(found.path).absolute())


def _harmless(path: PurePosixPath) -> list[str]:
    """The parts of a remote name without `..`, which would lead out of the landing folder."""
    return ["__" if part == ".." else part for part in path.parts]
