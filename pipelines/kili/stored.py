"""Looks up what the warehouse holds, a batch at a time, so that only changes are written."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pyarrow as pa

from pipelines.kili.batch import Counts
from pipelines.kili.rows import KNOWN, Seen, Sighting, State, Tables
from pipelines.loading import database

_VERSIONS: Final = """
    select asset_id, asset_version, coalesce(sum(labels.annotation_count), 0)::bigint
    from batch
    join {0}.assets using (asset_id)
    left join {0}.labels using (asset_id, asset_version)
    group by asset_id, asset_version"""
_ANSWERS: Final = """
    select label_key, response_hash
    from batch
    join {0}.labels using (asset_id)
    where response_hash is not null"""

_SEEN: Final = """
    create or replace temp table seen as
    select record_hash, any_value(asset_id) as asset_id, any_value(asset_version) as asset_version,
        any_value(exports.label_container) as label_container
    from batch
    join wh.kili.sightings as sightings using (record_hash)
    join wh.kili.exports as exports using (export_id)
    where exports.loader_version = ?
    group by record_hash"""
_COUNTS: Final = """
    select
        (select count(*) from seen),
        (select count(*) from seen join wh.kili.labels using (asset_id, asset_version)),
        (select coalesce(sum(annotation_count), 0)::bigint
            from seen join wh.kili.labels using (asset_id, asset_version)),
        (select any_value(label_container) from seen),
        epoch_us(greatest(
            (select max(created_at) from seen join wh.kili.labels using (asset_id, asset_version)),
            (select max(greatest(created_at, updated_at))
                from seen join wh.kili.assets using (asset_id, asset_version))
        ))
    where (select count(distinct label_container) from seen) = 1"""
_HAS_OUTDATED: Final = """
    select (select count(*) from wh.kili.responses)
        > (select count(*) from flattenings where flatten_version = ?)"""
_OUTDATED: Final = """
    select asset_id, label_key, response_hash, json_response
    from wh.kili.responses
    anti join (select label_key, response_hash from flattenings where flatten_version = ?)
        using (label_key, response_hash)
    join (select distinct label_key, asset_id from wh.kili.labels) using (label_key)"""

_FLATTENINGS: Final = f"""
    create view flattenings as
    from wh.kili.flattenings where _dlt_load_id in {database.finished_loads("wh.kili")}"""
_NO_FLATTENINGS: Final = """
    create table flattenings (label_key varchar, response_hash varchar, flatten_version bigint)"""

_HERE: Final = "memory.main"
_WAREHOUSE: Final = "wh.kili"


class Known:
    """The asset versions and answers in the warehouse, and those read so far in this run.

    Holds the database open for reading. Close it before anything writes.
    """

    def __init__(self, file: Path, is_key_frames_only: bool = False) -> None:
        self._is_key_frames_only = is_key_frames_only
        self._open = ExitStack()
        self._db = self._open.enter_context(database.in_memory())
        self._db.execute("create table assets (asset_id varchar, asset_version varchar)")
        self._db.execute(
            """create table labels
            (asset_id varchar, asset_version varchar, label_key varchar, response_hash varchar, annotation_count bigint)
            """
        )
        self._places: list[str] = []
        self._has_hashes = False
        if file.exists() and self._attach(file):
            self._places.append(_WAREHOUSE)
            columns = self._db.execute("select column_name from duckdb_columns() where database_name = 'wh'").fetchall()
            self._has_hashes = ("record_hash",) in columns  # older warehouses have no such column

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is stored or read so far, so that every asset is new."""
        return not self._places

    def state(self, asset_ids: Iterable[str]) -> State:
        """The stored state of these assets."""
        if self.is_nothing:
            return State({}, set(), self._is_key_frames_only)
        self._db.register("batch", pa.table({"asset_id": pa.array(asset_ids, pa.string())}))
        versions = {(asset_id, version): count for asset_id, version, count in self._ask(_VERSIONS)}
        return State(versions, set(self._ask(_ANSWERS)) if versions else set(), self._is_key_frames_only)

    def seen(self, record_hashes: Iterable[str], loader_version: str) -> Seen:
        """The records that this version of the loader has read before, in an export of the same kind."""
        if not self._has_hashes:
            return Seen({}, Counts())
        self._db.register("batch", pa.table({"record_hash": pa.array(record_hashes, pa.string())}))
        self._db.execute(_SEEN, [loader_version])
        told = self._db.execute(_COUNTS).fetchone()
        if told is None:
            return Seen({}, Counts())
        assets, labels, annotations, container, newest = told
        found = self._db.execute("select record_hash, asset_id, asset_version from seen").fetchall()
        sightings = {record_hash: Sighting(asset_id, version, record_hash) for record_hash, asset_id, version in found}
        counts = Counts(assets, labels, annotations, unchanged_asset_count=assets, label_container=container)
        counts.newest = newest
        return Seen(sightings, counts)

    def outdated(self, flatten_version: int) -> Iterator[list[tuple[str, str, str, str]]]:
        """Yields answers not flattened by this version: asset_id, label_key, response_hash, json_response."""
        if not self.has_outdated(flatten_version):
            return
        found = self._db.cursor().execute(_OUTDATED, [flatten_version])
        while batch := found.fetchmany(1000):
            yield batch

    def has_outdated(self, flatten_version: int) -> bool:
        """Whether there are answers that were not flattened by this version."""
        is_there = _WAREHOUSE in self._places
        return is_there and self._db.execute(_HAS_OUTDATED, [flatten_version]).fetchall() == [(True,)]

    def add(self, new: Tables) -> None:
        """Adds new rows of this run, for the exports that are read next."""
        for name, columns in KNOWN.items():
            if name in new:
                self._db.register("new", new[name])
                self._db.execute(f"insert into {name} select {', '.join(columns)} from new")
        if _HERE not in self._places:
            self._places.append(_HERE)

    def _attach(self, file: Path) -> bool:
        database.attach(self._db, file, "wh")
        found = self._db.execute("select table_name from duckdb_tables() where database_name = 'wh'").fetchall()
        self._db.execute(_FLATTENINGS if ("flattenings",) in found else _NO_FLATTENINGS)
        return {("assets",), ("labels",), ("responses",), ("annotations",)} <= set(found)

    def _ask(self, query: str) -> list[Any]:
        return [row for place in self._places for row in self._db.execute(query.format(place)).fetchall()]
