"""What the warehouse already holds, asked a batch at a time, so that only what changed is written."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import duckdb
import pyarrow as pa

from pipelines.kili.rows import State, Tables

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


class Known:
    """Asset versions and answers in the warehouse, and those met so far in this run.

    Holds the warehouse open for reading; it has to be closed before anything writes.
    """

    def __init__(self, database: Path) -> None:
        self._db = duckdb.connect()
        self._db.execute("create table assets (asset_id varchar, asset_version varchar)")
        self._db.execute(
            """create table labels
            (asset_id varchar, asset_version varchar, label_key varchar, response_hash varchar, annotation_count bigint)
            """
        )
        self._places = ["memory.main"]
        if database.exists() and self._attach(database):
            self._places.append("wh.kili")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._db.close()

    def of(self, asset_ids: Iterable[str]) -> State:
        """What is known of these assets."""
        self._db.register("batch", pa.table({"asset_id": pa.array(asset_ids, pa.string())}))
        versions = {(asset_id, version): count for asset_id, version, count in self._ask(_VERSIONS)}
        return State(versions, set(self._ask(_ANSWERS)) if versions else set())

    def outdated(self, flatten_version: int) -> Iterator[list[tuple[str, str, str, str]]]:
        """Answers that only an older flattening took apart: asset_id, label_key, response_hash, json_response."""
        if len(self._places) == 1:
            return
        found = self._db.cursor().execute(
            """with versions as (
                select asset_id, label_key, response_hash, max(flatten_version) as flatten_version
                from wh.kili.annotations group by all
            )
            select asset_id, label_key, response_hash, json_response
            from versions join wh.kili.responses using (label_key, response_hash) where flatten_version < ?""",
            [flatten_version],
        )
        while batch := found.fetchmany(1000):
            yield batch

    def add(self, tables: Tables) -> None:
        """Remembers the rows this run writes, for the exports that are still to be read."""
        for name in ("assets", "labels"):
            if name in tables:
                self._db.register("new", tables[name])
                columns = "asset_id, asset_version"
                columns += ", label_key, response_hash, annotation_count" if name == "labels" else ""
                self._db.execute(f"insert into {name} select {columns} from new")

    def _attach(self, database: Path) -> bool:
        self._db.execute(f"attach '{str(database).replace(chr(39), chr(39) * 2)}' as wh (read_only)")
        tables = self._db.execute("select table_name from duckdb_tables() where database_name = 'wh'").fetchall()
        return {("assets",), ("labels",), ("responses",), ("annotations",)} <= set(tables)

    def _ask(self, query: str) -> list[Any]:
        return [row for place in self._places for row in self._db.execute(query.format(place)).fetchall()]
