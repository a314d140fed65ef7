"""Erases people from a warehouse: their rows, what was made of them, and every trace in the work folder."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from pipelines import rebuildable
from pipelines.kili import choice, forgotten, ledger, people
from pipelines.kili.forgotten import Forgotten
from pipelines.loading import database
from pipelines.settings import Settings

log = logging.getLogger(__name__)

_SCHEMAS: Final = (ledger.SCHEMA, "comparison")  # what dlt has loaded; dbt rebuilds everything else
_LEFT: Final = {"lock", "warehouse.duckdb", forgotten.FILE, choice.FILE}
_PERSON: Final = """
    select distinct author_id, lower(author_email) from kili.labels
    where list_contains(?, author_id) or list_contains(?, lower(author_email))"""
_IN_REJECTS: Final = "select count(*) from kili.rejects where contains(lower(raw), lower(?))"
_EXPORTS: Final = """
    select distinct file_url
    from kili.exports
    join kili.sightings using (export_id)
    join kili.labels using (asset_id, asset_version)
    where list_contains(?, author_id)
    order by file_url"""
_PUBLISHED: Final = """
    select count(*) from marts.labels
    where list_contains($values, author_id) or list_contains($values, lower(author_email))"""


class UnknownPerson(Exception):
    """The warehouse holds nobody with this id or e-mail."""


@dataclass(frozen=True)
class Erased:
    """The names that now stand for the people, and the exports and as-of folders that still hold the people."""

    names: list[str]
    exports: list[str]
    as_of_folders: list[str]


def erase(author_ids: Sequence[str], settings: Settings) -> Erased:
    """Removes people from the pipeline's database and its work folder. The caller holds the lock and then publishes.

    A call that was killed can be repeated. Raises `UnknownPerson` before it changes anything.
    """
    listed = forgotten.read(settings.work) or forgotten.empty()
    names: list[str] = []
    all_values: set[str] = set()
    for author_id in author_ids:
        ids, emails = _identity(author_id, settings, listed)
        all_values |= ids | emails
        listed = listed.adding(ids, emails)
        names.append(listed.name(min(ids or emails)) or "")
    listed.write(settings.work)
    log.info("rewriting the rows of %s", settings.database)
    database.rewrite(settings.database, _SCHEMAS, {ledger.SCHEMA: listed.table})
    _clean(settings.work)
    return Erased(names, _exports(names, settings), _as_of_folders(all_values, settings))


def _identity(author_id: str, settings: Settings, listed: Forgotten) -> tuple[set[str], set[str]]:
    """The ids and lower-cased e-mails of a person. Raises `UnknownPerson`."""
    pseudonyms = people.from_settings(settings)
    given = [author_id, *([pseudonyms.of(author_id)] if pseudonyms else [])]
    if settings.database.exists():
        with database.reading(settings.database) as db:
            if ids_and_emails := _known(given, db):
                return ids_and_emails
    for value in given:
        if listed.name(value):
            return (set(), {value.lower()}) if "@" in value else ({value}, set())
    raise UnknownPerson(f"the warehouse {settings.warehouse} holds nobody with the id or e-mail {author_id}")


def _known(given: Sequence[str], db: duckdb.DuckDBPyConnection) -> tuple[set[str], set[str]] | None:
    if not {"labels", "rejects"} <= database.table_names(db, ledger.SCHEMA):
        return None
    lower = [value.lower() for value in given]
    found = db.execute(_PERSON, [given, lower]).fetchall()
    if not found:
        is_rejected = any(db.execute(_IN_REJECTS, [value]).fetchall() != [(0,)] for value in given)
        emails = {value for value in lower if "@" in value}
        return ({value for value in given if "@" not in value}, emails) if is_rejected else None
    ids = {author_id for author_id, _ in found if author_id in given} or {author_id for author_id, _ in found} - {None}
    seen = db.execute(_PERSON, [sorted(ids), [email for email in lower if ids == set()]]).fetchall()
    return ids, {email for _, email in seen if email} | {email for _, email in found if email in lower}


def _clean(work: Path) -> None:
    """Removes everything from the work folder that the next run can make again."""
    log.info("removing copies, logs and histories from %s", work)
    for path in sorted(work.iterdir()):
        if path.name not in _LEFT:
            rebuildable.remove(path)


def _exports(names: Iterable[str], settings: Settings) -> list[str]:
    """The exports outside the warehouse that showed labels of these people, if they are still there."""
    with database.reading(settings.database) as db:
        urls = [url for (url,) in db.execute(_EXPORTS, [list(names)]).fetchall()]
    return [url for url in urls if "://" in url or (Path(url).exists() and settings.work not in Path(url).parents)]


def _as_of_folders(values: set[str], settings: Settings) -> list[str]:
    """The folders in KILI_AS_OF_FOLDER whose release has labels of people with these ids or lower-cased e-mails."""
    found = []
    for folder in sorted(settings.as_of_folder.iterdir()) if settings.as_of_folder else ():
        file = folder / "warehouse.duckdb"
        if file.exists():
            with database.reading(file) as db:
                if db.execute(_PUBLISHED, {"values": sorted(values)}).fetchall() != [(0,)]:
                    found.append(str(folder))
    return found
