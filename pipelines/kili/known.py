"""What the warehouse already holds, asked a batch at a time, so that only what changed is written."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa

from pipelines.kili import records
from pipelines.kili.answers import Row

Version = tuple[str, str]
Answer = tuple[str, str]


class Known:
    """Asset versions and answers in the warehouse, and those met so far in this run.

    Holds the warehouse open for reading; it has to be closed before anything writes.
    """

    def __init__(self, database: Path) -> None:
        self._db = duckdb.connect()
        self._db.execute("create table versions (asset_id varchar, asset_version varchar, annotation_count bigint)")
        self._db.execute("create table answers (label_key varchar, response_hash varchar)")
        self._has_warehouse = database.exists() and self._attach(database)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._db.close()

    def versions(self, batch: Iterable[Version]) -> dict[Version, int]:
        """Those of a batch of (asset_id, asset_version) that are known, with the number of their annotations."""
        query = """
            select b.a, b.b, v.annotation_count
            from batch b join versions v on v.asset_id = b.a and v.asset_version = b.b"""
        if self._has_warehouse:
            query += """
                union select b.a, b.b, coalesce(sum(l.annotation_count), 0)
                from batch b
                join wh.kili.assets v on v.asset_id = b.a and v.asset_version = b.b
                left join wh.kili.labels l on l.asset_id = v.asset_id and l.asset_version = v.asset_version
                group by 1, 2"""
        return {(asset_id, version): int(count) for asset_id, version, count in self._ask(query, batch)}

    def answers(self, batch: Iterable[Answer]) -> set[Answer]:
        """Those of a batch of (label_key, response_hash) that are known."""
        query = "select b.a, b.b from batch b join answers v on v.label_key = b.a and v.response_hash = b.b"
        if self._has_warehouse:
            query += """
                union
                select b.a, b.b from batch b
                join wh.kili.responses v on v.label_key = b.a and v.response_hash = b.b"""
        return {(key, response_hash) for key, response_hash in self._ask(query, batch)}

    def outdated(self, flatten_version: int) -> Iterator[list[tuple[str, str, str, str]]]:
        """Answers that only an older flattening took apart: asset_id, label_key, response_hash, json_response."""
        if not self._has_warehouse:
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

    def add(self, assets: list[Row], labels: list[Row], responses: list[Row]) -> None:
        """Remembers the rows this run writes, for the exports that are still to be read."""
        self._db.register("assets", records.ASSETS.batch(assets))
        self._db.register("labels", records.LABELS.batch(labels))
        self._db.register("responses", records.RESPONSES.batch(responses))
        self._db.execute(
            """insert into versions
            select assets.asset_id, assets.asset_version, coalesce(sum(labels.annotation_count), 0)
            from assets left join labels on labels.asset_id = assets.asset_id
            group by assets.asset_id, assets.asset_version"""
        )
        self._db.execute("insert into answers select label_key, response_hash from responses")

    def _attach(self, database: Path) -> bool:
        self._db.execute(f"attach '{str(database).replace(chr(39), chr(39) * 2)}' as wh (read_only)")
        tables = self._db.execute("select table_name from duckdb_tables() where database_name = 'wh'").fetchall()
        return {("assets",), ("labels",), ("responses",), ("annotations",)} <= set(tables)

    def _ask(self, query: str, batch: Iterable[tuple[str, str]]) -> list[Any]:
        return self._db.register("batch", _pairs(batch)).execute(query).fetchall()


def _pairs(pairs: Iterable[tuple[str, str]]) -> pa.Table:
    listed = list(pairs)
    return pa.table(
        {
            "a": pa.array([first for first, _ in listed], pa.string()),
            "b": pa.array([second for _, second in listed], pa.string()),
        }
    )
