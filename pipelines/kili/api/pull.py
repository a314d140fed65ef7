"""Exports pulled from Kili, as archives in the single-file layout that Kili's own client writes.

The name of an archive holds the time of the pull and the hash of its content. If a pull returns the content of the
project's newest archive, no archive is added, unless another export of the project was loaded since. Then the new
archive shows that the content is valid again.
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
    """A project could not be pulled; the text says why."""


def pulled(settings: Settings) -> list[discovery.Landed]:
    """Pulls each project; returns all archives, those of earlier pulls included.

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
    """Pulls a project into an archive, which appears in one step."""
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
    """Writes an archive one asset at a time. Returns the start of the hash of its data, and the number of assets."""
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
    """The README, with one line for each fact: line breaks in names are replaced."""
    name, description = (" ".join((project[key] or "").split()) for key in ("title", "description"))
    return _README.format(id=project["id"], name=name, description=description, date=date)


def _settled(line: bytes) -> bytes:
    """The text of an asset without differences between pulls: URL signatures, order of keys and labels.

    It is written as Kili's client writes it, which allows NaN: the reader rejects that.
    """
    asset = signed_urls.unsigned(json.loads(line))
    asset["labels"].sort(key=lambda label: (label["createdAt"], label["id"]))
    return json.dumps(asset, sort_keys=True).encode()


def _is_new(digest: str, project_id: str, settings: Settings, now: datetime) -> bool:
    """Whether this archive would change the warehouse."""
    archives = _archives(project_id, settings)
    if not archives:
        return True
    pulled_at, _, newest = archives[-1].stem.partition("-")
    since = datetime.strptime(pulled_at, _PULLED_AT).replace(tzinfo=UTC)
    return newest != digest or _was_shown(project_id, since, now, settings.database)


def _was_shown(project_id: str, since: datetime, now: datetime, file: Path) -> bool:
    """Whether an export dated after `since` and not after `now` was loaded."""
    if not file.exists():
        return False
    query = "select count(*) from kili.exports where project_id = ? and as_of > ? and as_of <= ?"
    try:
        with database.reading(file) as db:
            return bool(db.execute(query, [project_id, since, now]).fetchall() != [(0,)])
    except (
        duckdb.CatalogException,
        duckdb.IOException,
    ):  # nothing was loaded, or a run writes: the next pull checks again
        return False


def _asked(project_id: str, settings: Settings) -> Generator[bytes]:
    """Yields the lines that Kili's client prints for a project. Raises `PullFailed`."""
    if not PYTHON.exists():
        raise PullFailed("Kili's client is not set up, which pulls projects from Kili: run `make kili`")
    quick = "-O"  # skips the client's type checks, three quarters of its start
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
    """Logs the messages of the client, such as its retries."""
    for line in said:
        log.info("project %s: %s", project_id, _without(key, line))


def _without(key: str, line: bytes) -> str:
    return line.decode("utf-8", "replace").strip().replace(key, "(the key)")
