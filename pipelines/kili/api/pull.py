"""Exports pulled from Kili, as archives in the single-file layout that Kili's own client writes.

An archive is named by when it was pulled and by the hash of its content. A pull that gives what the newest archive of
the project holds leaves no new one, unless an export that came another way has shown the project since: then the
archive says that it is so again.
"""

import hashlib
import json
import logging
import os
import subprocess
import threading
import zipfile
from collections.abc import Generator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

import duckdb

from pipelines.kili import packaging, records, signed_urls
from pipelines.landing import discovery
from pipelines.loading import database
from pipelines.settings import Settings

log = logging.getLogger(__name__)

FIELDS: Final = (
    *records.ASSETS.keyed(),
    *(f"labels.{key}" for key in (*records.LABELS.keyed(), "updatedAt", "jsonResponse")),
    *(f"labels.author.{key}" for key in ("id", "email", "firstname", "lastname")),
)
PYTHON: Final = Path(__file__).parents[3] / ".venv-kili" / "bin" / "python"
_CLIENT: Final = Path(__file__).with_name("client.py")
_PULLED_AT: Final = "%Y%m%dT%H%M%S.%fZ"
_README: Final = """\
Exported Labels from KILI
=========================

- Project name: {name}
- Project identifier: {id}
- Project description: {description}
- Export date: {date:%Y%m%d-%H%M%S}
- Exported format: kili
- Exported labels: normal
"""
_OFTEN: Final = 1000


class PullFailed(Exception):
    """Kili did not give a project; says why."""


def pulled(settings: Settings) -> list[discovery.Landed]:
    """The archives of the projects to pull, those of earlier pulls too, after asking Kili for each project.

    Raises `PullFailed`.
    """
    for project_id in settings.pull_projects:
        _pull(project_id, settings)
    found = [archive for project_id in settings.pull_projects for archive in _archives(project_id, settings)]
    return [discovery.Landed(str(archive), archive) for archive in found]


def _folder(project_id: str, settings: Settings) -> Path:
    return settings.work / "landing" / "pulled" / project_id


def _archives(project_id: str, settings: Settings) -> list[Path]:
    """The archives of a project, the newest last."""
    return sorted(_folder(project_id, settings).glob("*.zip"))


def _pull(project_id: str, settings: Settings) -> None:
    """Lands a project as it is now, in one step so that half an archive is never read."""
    at = datetime.now(UTC)
    folder = _folder(project_id, settings)
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / "partial"
    try:
        digest, count = _write(partial, project_id, settings, at.astimezone(settings.timezone))
        if is_new := _is_new(digest, project_id, settings, at):
            os.replace(partial, folder / f"{at:{_PULLED_AT}}-{digest}.zip")
    finally:
        partial.unlink(missing_ok=True)
    log.info("project %s: %d assets, %s", project_id, count, "landed" if is_new else "nothing new")


def _write(archive: Path, project_id: str, settings: Settings, date: datetime) -> tuple[str, int]:
    """Writes an archive an asset at a time; gives the start of the hash of its data, and the number of assets."""
    digest, count = hashlib.sha256(), 0
    with closing(_asked(project_id, settings)) as lines, zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        project = json.loads(next(lines))
        with packed.open(packaging.DATA, "w", force_zip64=True) as data:
            for line in lines:
                count += 1
                piece = (b",\n" if count > 1 else b"[\n") + _settled(line)
                digest.update(piece)
                data.write(piece)
                if count % _OFTEN == 0:
                    log.info("project %s: %d assets so far", project_id, count)
            data.write(b"\n]\n" if count else b"[]\n")
        packed.writestr(discovery.README, _readme(project, date))
    return digest.hexdigest()[:16], count


def _readme(project: dict[str, Any], date: datetime) -> str:
    """The README, a line for each fact: a line break in a name would make other facts of what follows it."""
    name, description = (" ".join((project[key] or "").split()) for key in ("title", "description"))
    return _README.format(id=project["id"], name=name, description=description, date=date)


def _settled(line: bytes) -> bytes:
    """An asset's text without what differs between pulls of the same: signatures in URLs, order of keys and labels.

    Written as Kili's client writes it, which lets pass what is no JSON by the standard: that is the reader's to reject.
    """
    asset = signed_urls.unsigned(json.loads(line))
    asset["labels"].sort(key=lambda label: (label["createdAt"], label["id"]))
    return json.dumps(asset, sort_keys=True).encode()


def _is_new(digest: str, project_id: str, settings: Settings, now: datetime) -> bool:
    """Whether the warehouse would show something else without this archive."""
    archives = _archives(project_id, settings)
    if not archives:
        return True
    pulled_at, _, newest = archives[-1].stem.partition("-")
    since = datetime.strptime(pulled_at, _PULLED_AT).replace(tzinfo=UTC)
    return newest != digest or _was_shown(project_id, since, now, settings.database)


def _was_shown(project_id: str, since: datetime, now: datetime, file: Path) -> bool:
    """Whether an export of a later date than `since` was loaded; one dated later than `now` does not count yet."""
    if not file.exists():
        return False
    query = "select count(*) from kili.exports where project_id = ? and as_of > ? and as_of <= ?"
    try:
        with database.reading(file) as db:
            return bool(db.execute(query, [project_id, since, now]).fetchall() != [(0,)])
    except (duckdb.CatalogException, duckdb.IOException):  # never loaded, or being written: the next pull looks again
        return False


def _asked(project_id: str, settings: Settings) -> Generator[bytes]:
    """What Kili's client writes of a project, line by line. Raises `PullFailed`."""
    if not PYTHON.exists():
        raise PullFailed("Kili's client is not set up, which pulls projects from Kili: run `make kili`")
    quick = "-O"  # spares the client's checks of its own types, three quarters of its start
    command = [str(PYTHON), "-I", quick, "-X", "utf8", str(_CLIENT), project_id, *FIELDS]
    variables = os.environ | {"KILI_API_KEY": settings.api_key, "KILI_API_ENDPOINT": settings.api_endpoint}
    fault = b"Kili's client ended without a word: `make kili` sets it up"
    with subprocess.Popen(
        command,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # a terminal's Ctrl-C reaches the run alone, which ends the client
    ) as client:
        assert client.stdout
        assert client.stderr
        listener = threading.Thread(target=_tell, args=(client.stderr, project_id, settings.api_key))
        listener.start()
        try:
            for line in client.stdout:
                if line.startswith(b"{"):
                    yield line
                else:
                    fault = line
        except BaseException:
            client.kill()
            raise
        finally:
            listener.join()
    if client.returncode != 0:
        raise PullFailed(_without(settings.api_key, fault))


def _tell(said: IO[bytes], project_id: str, key: str) -> None:
    """Passes on what the client says of its work, of its retries above all."""
    for line in said:
        log.info("project %s: %s", project_id, _without(key, line))


def _without(key: str, line: bytes) -> str:
    return line.decode("utf-8", "replace").strip().replace(key, "(the key)")
