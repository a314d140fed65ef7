"""The cache of exports: their content ids, and local copies of remote ones. Unchanged exports are not read again."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path, PurePosixPath
from typing import Final

from pipelines import rebuildable
from pipelines.landing import fingerprints, local_files
from pipelines.landing.discovery import FoundExport, Landed, NoExport
from pipelines.landing.fingerprints import Fingerprint
from pipelines.settings import Settings

_GRANULE: Final = 2  # seconds: on some file systems, two writes within this time leave the same timestamps
_CHUNK: Final = 1 << 20
_TABLE: Final = """
    create table if not exists identities (
        place blob primary key, fingerprint text not null, export_id text not null, size_bytes integer not null
    )"""

Identity = tuple[str, int]
"""The id of an export and its size in bytes."""


class ExportCache:
    """The ids of exports by place and fingerprint, in the warehouse's work folder.

    Several processes may read and write it at once: each entry is written atomically.
    """

    def __init__(self, db: sqlite3.Connection, landing: Path) -> None:
        self._db = db
        self._landing = landing

    def known(self, export: FoundExport) -> str | None:
        """The export's id, if it has not changed since it was last read; else null."""
        identity = self._recall(_place(export), fingerprints.fingerprint(export).text)
        return identity[0] if identity else None

    def land(self, export: FoundExport) -> Landed:
        """The export as a local file or folder: a local export itself, or a copy of a remote one in the landing folder.

        A remote export that the store does not have any more, or denies access to, has a fault. Raises `NoExport` if
        the store cannot be reached.
        """
        if export.remote is None:
            return Landed(export.url, Path(export.path))
        fingerprint = fingerprints.fingerprint(export).text
        identity = self._recall(_place(export), fingerprint)
        if identity is None or not self._copy_path(export, identity).exists():
            try:
                identity = self._fetch(export)
            except (FileNotFoundError, PermissionError) as error:
                return Landed(export.url, self._landing, local_files.fault_from(error).reason)
            self._remember(_place(export), fingerprint, identity)
            copy = self._copy_path(export, identity)
            self._remember(os.fsencode(copy), fingerprints.local(copy).text, identity)
        return Landed(export.url, self._copy_path(export, identity))

    def identify(self, path: Path, state: Fingerprint | None = None) -> Identity:
        """The id and size in bytes of a local export, as `local_files.identify` returns them.

        `state`: the fingerprint, if the caller has it already.
        """
        place, state = os.fsencode(path.absolute()), state or fingerprints.local(path)
        is_old_enough = state.age > _GRANULE
        identity = self._recall(place, state.text)
        if identity is None:
            identity = local_files.identify(path)
            if is_old_enough and fingerprints.local(path) == state:
                self._remember(place, state.text, identity)
        return identity

    def _recall(self, place: bytes, fingerprint: str | None) -> Identity | None:
        query = "select export_id, size_bytes from identities where place = ? and fingerprint = ?"
        identity: Identity | None = self._db.execute(query, [place, fingerprint]).fetchone()
        return identity

    def _remember(self, place: bytes, fingerprint: str | None, identity: Identity) -> None:
        if fingerprint is not None:
            self._db.execute("insert or replace into identities values (?, ?, ?, ?)", [place, fingerprint, *identity])

    def _copy_path(self, export: FoundExport, identity: Identity) -> Path:
        return self._landing.joinpath(identity[0], *_safe_parts(PurePosixPath(PurePosixPath(export.path).name)))

    def _fetch(self, export: FoundExport) -> Identity:
        """Copies an export into the landing folder. The copy appears in one step, so no partial copy is ever read."""
        self._landing.mkdir(parents=True, exist_ok=True)
        try:
            with tempfile.TemporaryDirectory(dir=self._landing) as temporary:
                copy = Path(temporary, "export")
                for name in export.names or (export.path,):
                    local_path = copy.joinpath(*_safe_parts(PurePosixPath(name).relative_to(export.path)))
                    local_path.parent.mkdir(parents=True, exist_ok=True)
                    with export.remote.open(name, "rb") as source, local_path.open("wb") as target:
                        shutil.copyfileobj(source, target, _CHUNK)
                        target.flush()
                        os.fsync(target.fileno())
                identity = local_files.identify(copy)
                final = self._copy_path(export, identity)
                final.parent.mkdir(exist_ok=True)
                if not final.exists():
                    os.replace(copy, final)
        except (FileNotFoundError, PermissionError):
            raise
        except Exception as error:  # each store raises its own
            raise NoExport(f"cannot read {export.url}: {error}") from error
        return identity


@contextmanager
def opened(settings: Settings) -> Iterator[ExportCache]:
    """Opens the cache of a warehouse."""
    work = settings.prepare_work()
    file = work / "identities.sqlite"
    rebuildable.remove_damaged_sqlite(file, "exports are hashed again")
    with closing(sqlite3.connect(file, timeout=60, isolation_level=None)) as db:
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = normal")
        db.execute(_TABLE)
        yield ExportCache(db, work / "landing")


def _place(export: FoundExport) -> bytes:
    return os.fsencode(export.url if export.remote is not None else Path(export.path).absolute())


def _safe_parts(path: PurePosixPath) -> list[str]:
    """The parts of a remote name, with `__` for `..` so that it cannot lead out of the landing folder."""
    return ["__" if part == ".." else part for part in path.parts]
