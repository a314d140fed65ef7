"""Pulls exports from Kili's API into archives with the single-file layout of Kili's own client.

The name of an archive holds the time of the pull and the hash of its content. A pull whose content equals the project's
newest archive writes no new archive. An exception is a project of which the warehouse has loaded another export since:
the new archive then makes the pulled state the newest again.
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
_LOG_INTERVAL: Final = 1000


class PullFailed(Exception):
    """A project could not be pulled; the message is the reason."""


def pull_projects(settings: Settings) -> list[discovery.Landed]:
    """Pulls each project and returns all archives of these projects, including those of earlier pulls.

    Raises `PullFailed`.
    """
    for project_id in settings.pull_projects:
        _pull(project_id, settings)
    archives = [archive for project_id in settings.pull_projects for archive in _archives(project_id, settings)]
    return [discovery.Landed(str(archive), archive) for archive in archives]


def _folder(project_id: str, settings: Settings) -> Path:
    return settings.work / "landing" / "pulled" / project_id


def _archives(project_id: str, settings: Settings) -> list[Path]:
    """Returns the archives of a project, the newest last."""
    return sorted(_folder(project_id, settings).glob("*.zip"))


def _pull(project_id: str, settings: Settings) -> None:
    """Writes an archive of a project's current state. A rename at the end keeps readers from partial archives."""
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
    """Writes an archive asset by asset. Returns the start of the hash of its data, and the number of assets."""
    digest, count = hashlib.sha256(), 0
    with (
        closing(_client_lines(project_id, settings)) as lines,
        zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        project = json.loads(next(lines))
        with packed.open(packaging.DATA, "w", force_zip64=True) as data:
            for line in lines:
                count += 1
                piece = (b",\n" if count > 1 else b"[\n") + _normalized(line)
                digest.update(piece)
                data.write(piece)
                if count % _LOG_INTERVAL == 0:
                    log.info("project %s: %d assets so far", project_id, count)
            data.write(b"\n]\n" if count else b"[]\n")
        packed.writestr(discovery.README, _readme(project, date))
    return digest.hexdigest()[:16], count


def _readme(project: dict[str, Any], date: datetime) -> str:
    """Returns the README with one line for each fact. Removes line breaks from names: they would start a new fact."""
    name, description = (" ".join((project[key] or "").split()) for key in ("title", "description"))
    return _README.format(id=project["id"], name=name, description=description, date=date)


def _normalized(line: bytes) -> bytes:
    """Returns an asset's text in a form that is equal for equal assets: no URL signatures, sorted keys and labels.

    Like Kili's client, it also writes values such as NaN, which are not standard JSON. The loader rejects them.
    """
    asset = signed_urls.unsigned(json.loads(line))
    asset["labels"].sort(key=lambda label: (label["createdAt"], label["id"]))
    return json.dumps(asset, sort_keys=True).encode()


def _is_new(digest: str, project_id: str, settings: Settings, now: datetime) -> bool:
    """Whether the archive would change the warehouse."""
    archives = _archives(project_id, settings)
    if not archives:
        return True
    pulled_at, _, newest = archives[-1].stem.partition("-")
    since = datetime.strptime(pulled_at, _PULLED_AT).replace(tzinfo=UTC)
    return newest != digest or _was_loaded_since(project_id, since, now, settings.database)


def _was_loaded_since(project_id: str, since: datetime, now: datetime, file: Path) -> bool:
    """Whether the warehouse has loaded an export of the project dated after `since` and not after `now`."""
    if not file.exists():
        return False
    query = "select count(*) from kili.exports where project_id = ? and as_of > ? and as_of <= ?"
    try:
        with database.reading(file) as db:
            return bool(db.execute(query, [project_id, since, now]).fetchall() != [(0,)])
    except (duckdb.CatalogException, duckdb.IOException):  # never loaded, or being written: the next pull checks again
        return False


def _client_lines(project_id: str, settings: Settings) -> Generator[bytes]:
    """Yields the lines that Kili's client prints about a project. Raises `PullFailed`."""
    if not PYTHON.exists():
        raise PullFailed("Kili's client, which pulls projects, is not installed: run `make kili`")
    optimize = "-O"  # skips the client's type checks, which take three quarters of its start-up time
    command = [str(PYTHON), "-I", optimize, "-X", "utf8", str(_CLIENT), project_id, *FIELDS]
    variables = os.environ | {"KILI_API_KEY": settings.api_key, "KILI_API_ENDPOINT": settings.api_endpoint}
    reason = b"Kili's client ended without an error message: run `make kili` to install it again"
    with subprocess.Popen(
        command,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # a terminal's Ctrl-C reaches only the run, which then ends the client
    ) as client:
        assert client.stdout
        assert client.stderr
        logger = threading.Thread(target=_log_lines, args=(client.stderr, project_id, settings.api_key))
        logger.start()
        try:
            for line in client.stdout:
                if line.startswith(b"{"):
                    yield line
                else:
                    reason = line
        except BaseException:
            client.kill()
            raise
        finally:
            logger.join()
    if client.returncode != 0:
        raise PullFailed(_redacted(reason, settings.api_key))


def _log_lines(lines: IO[bytes], project_id: str, key: str) -> None:
    """Logs the client's messages, for example about retries."""
    for line in lines:
        log.info("project %s: %s", project_id, _redacted(line, key))


def _redacted(line: bytes, key: str) -> str:
    """Returns a line of the client without the API key."""
    return line.decode("utf-8", "replace").strip().replace(key, "(the key)")
