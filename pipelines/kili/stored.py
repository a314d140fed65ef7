"""Queries the warehouse, a batch at a time, for known assets and answers, so that a load writes only changes."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pyarrow as pa

from pipelines.kili.batch import Counts
from pipelines.kili.forgotten import Forgotten
from pipelines.kili.people import Pseudonyms
from pipelines.kili.rows import KNOWN_COLUMNS, KnownRecords, KnownState, Sighting, Tables
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

_FIND_KNOWN_RECORDS: Final = """
    create or replace temp table known_records as
    select record_hash, any_value(asset_id) as asset_id, any_value(asset_version) as asset_version,
        any_value(exports.label_container) as label_container
    from batch
    join wh.kili.sightings as sightings using (record_hash)
    join wh.kili.exports as exports using (export_id)
    where exports.loader_version = ?
    group by record_hash"""
_KNOWN_RECORD_COUNTS: Final = """
    select
        (select count(*) from known_records),
        (select count(*) from known_records join wh.kili.labels using (asset_id, asset_version)),
        (select coalesce(sum(annotation_count), 0)::bigint
            from known_records join wh.kili.labels using (asset_id, asset_version)),
        (select any_value(label_container) from known_records),
        epoch_us(greatest(
            (select max(created_at) from known_records join wh.kili.labels using (asset_id, asset_version)),
            (select max(greatest(created_at, updated_at))
                from known_records join wh.kili.assets using (asset_id, asset_version))
        ))
    where (select count(distinct label_container) from known_records) = 1"""
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

_IN_MEMORY: Final = "memory.main"
_WAREHOUSE: Final = "wh.kili"


class KnownAssets:
    """Asset versions and answers in the warehouse, and those that this load has read so far.

    Keeps the warehouse open for reading. Close it before anything writes to the warehouse.
    """

    def __init__(
        self,
        file: Path,
        is_key_frames_only: bool = False,
        pseudonyms: Pseudonyms | None = None,
        forgotten: Forgotten | None = None,
    ) -> None:
        self._choices = (is_key_frames_only, pseudonyms, forgotten)
        self._open = ExitStack()
        self._db = self._open.enter_context(database.in_memory())
        self._db.execute("create table assets (asset_id varchar, asset_version varchar)")
        self._db.execute(
            """create table labels
            (asset_id varchar, asset_version varchar, label_key varchar, response_hash varchar, annotation_count bigint)
            """
        )
        self._schemas: list[str] = []
        self._has_hashes = False
        if file.exists() and self._attach(file):
            self._schemas.append(_WAREHOUSE)
            columns = self._db.execute("select column_name from duckdb_columns() where database_name = 'wh'").fetchall()
            self._has_hashes = ("record_hash",) in columns  # older versions wrote no such column

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()

    @property
    def is_empty(self) -> bool:
        """Whether no asset is known, so that every asset is new."""
        return not self._schemas

    def known_state(self, asset_ids: Iterable[str]) -> KnownState:
        """Returns the known versions and answers of assets."""
        if self.is_empty:
            return KnownState({}, set(), *self._choices)
        self._db.register("batch", pa.table({"asset_id": pa.array(asset_ids, pa.string())}))
        versions = {(asset_id, version): count for asset_id, version, count in self._query_all(_VERSIONS)}
        return KnownState(versions, set(self._query_all(_ANSWERS)) if versions else set(), *self._choices)

    def known_records(self, record_hashes: Iterable[str], loader_version: str) -> KnownRecords:
        """Returns the records that this loader version has read before, if all their exports have one label container.

        Otherwise returns none.
        """
        if not self._has_hashes:
            return KnownRecords({}, Counts())
        self._db.register("batch", pa.table({"record_hash": pa.array(record_hashes, pa.string())}))
        self._db.execute(_FIND_KNOWN_RECORDS, [loader_version])
        row = self._db.execute(_KNOWN_RECORD_COUNTS).fetchone()
        if row is None:
            return KnownRecords({}, Counts())
        assets, labels, annotations, container, newest = row
        records = self._db.execute("select record_hash, asset_id, asset_version from known_records").fetchall()
        sightings = {
            record_hash: Sighting(asset_id, version, record_hash) for record_hash, asset_id, version in records
        }
        counts = Counts(assets, labels, annotations, unchanged_asset_count=assets, label_container=container)
        counts.newest = newest
        return KnownRecords(sightings, counts)

    def outdated_answers(self, flatten_version: int) -> Iterator[list[tuple[str, str, str, str]]]:
        """Yields batches of answers that this version has not flattened.

        Each answer is asset_id, label_key, response_hash and json_response.
        """
        if not self.has_outdated_answers(flatten_version):
            return
        result = self._db.cursor().execute(_OUTDATED, [flatten_version])
        while batch := result.fetchmany(1000):
            yield batch

    def has_outdated_answers(self, flatten_version: int) -> bool:
        """Whether the warehouse has answers that this version has not flattened."""
        has_warehouse = _WAREHOUSE in self._schemas
        return has_warehouse and self._db.execute(_HAS_OUTDATED, [flatten_version]).fetchall() == [(True,)]

    def add(self, new: Tables) -> None:
        """Adds rows that this load writes, for the exports that it reads later."""
        for name, columns in KNOWN_COLUMNS.items():
            if name in new:
                self._db.register("new", new[name])
                self._db.execute(f"insert into {name} select {', '.join(columns)} from new")
        if _IN_MEMORY not in self._schemas:
            self._schemas.append(_IN_MEMORY)

    def _attach(self, file: Path) -> bool:
        database.attach(self._db, file, "wh")
        tables = self._db.execute("select table_name from duckdb_tables() where database_name = 'wh'").fetchall()
        self._db.execute(_FLATTENINGS if ("flattenings",) in tables else _NO_FLATTENINGS)
        return {("assets",), ("labels",), ("responses",), ("annotations",)} <= set(tables)

    def _query_all(self, query: str) -> list[Any]:
        return [row for schema in self._schemas for row in self._db.execute(query.format(schema)).fetchall()]
