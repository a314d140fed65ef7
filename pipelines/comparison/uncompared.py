"""The pairs of labels in the warehouse that the method has not compared yet, a batch at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import orjson
import pyarrow as pa

from pipelines.comparison import items, method
from pipelines.comparison.method import Method
from pipelines.kili import answers

ANNOTATIONS_PER_BATCH: Final = 200_000

_TABLE: Final = "select * from duckdb_tables() where schema_name = 'comparison' and table_name = 'pairs'"
_MISSING: Final = """
    create temp table missing as
    with uncompared as (
        select left_label_key, left_response_hash, right_label_key, right_response_hash
        from intermediate.label_pairs
        where left_response_hash is not null and right_response_hash is not null
        {but_those_compared}
    ),
    sized as (
        select uncompared.*, left_label.annotation_count + right_label.annotation_count + 1 as size
        from (select distinct * from uncompared) as uncompared
        join intermediate.current_labels as left_label on left_label.label_key = left_label_key
        join intermediate.current_labels as right_label on right_label.label_key = right_label_key
    )
    select * exclude (size),
        (sum(size) over (order by left_label_key, right_label_key) - size) // $per_batch as batch
    from sized"""
_BUT_THOSE_COMPARED: Final = """
        except
        select left_label_key, left_response_hash, right_label_key, right_response_hash
        from comparison.pairs where method_version = $method"""
_PAIRS: Final = """
    create or replace temp table pairs as
    select row_number() over (order by left_label_key, right_label_key) - 1 as pair,
        md5(concat_ws(' ', left_label_key, left_response_hash, right_label_key, right_response_hash, $method))
            as pair_key,
        left_label_key, left_response_hash, right_label_key, right_response_hash, $method as method_version
    from missing where batch = $batch"""
_SIDES: Final = f"""(
        select pair, {items.LEFT}::bigint as side, left_label_key as label_key, left_response_hash as response_hash
        from pairs
        union all select pair, {items.RIGHT}, right_label_key, right_response_hash from pairs
    ) as sides"""
_ANNOTATIONS: Final = f"""
    select pair, side, {", ".join(items.COLUMNS)}
    from {_SIDES} join intermediate.current_annotations using (label_key, response_hash)"""
_ANSWERS: Final = f"""
    select pair, json_response from {_SIDES} join intermediate.current_responses using (label_key, response_hash)"""


@dataclass(frozen=True, eq=False)
class Batch:
    """Some pairs, numbered from 0: rows of `comparison.pairs` but for the score, their annotations and jobs."""

    pairs: pa.Table
    annotations: pa.Table
    named_jobs: pa.Table


class Uncompared:
    """Holds the warehouse open for reading; it has to be closed before anything writes."""

    def __init__(self, database: Path, by: Method) -> None:
        self._db = duckdb.connect(str(database), read_only=True)
        self._method = by
        has_results = bool(self._db.execute(_TABLE).fetchall())
        query = _MISSING.format(but_those_compared=_BUT_THOSE_COMPARED if has_results else "")
        used = {"method": by.version} if has_results else {}
        self._db.execute(query, {"per_batch": ANNOTATIONS_PER_BATCH, **used})

    def __enter__(self) -> "Uncompared":
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def __len__(self) -> int:
        return int(self._db.execute("select count(*) from missing").fetchall()[0][0])

    @property
    def is_new_method(self) -> bool:
        """Whether the newest pairs were compared by another method, or none ever."""
        return method.newest(self._db) != self._method.version

    def batches(self) -> Iterator[Batch]:
        """The pairs in batches of about as many annotations each, or one pair if it has more."""
        numbers = self._db.execute("select distinct batch from missing order by batch").fetchall()
        for (number,) in numbers:
            self._db.execute(_PAIRS, {"method": self._method.version, "batch": number})
            pairs = self._arrow("select * exclude (pair) from pairs order by pair")
            yield Batch(pairs, self._arrow(_ANNOTATIONS), self._named_jobs())

    def _named_jobs(self) -> pa.Table:
        pairs: list[int] = []
        names: list[str] = []
        found = self._db.execute(_ANSWERS)
        while rows := found.fetchmany(1000):
            for pair, answer in rows:
                jobs = answers.named_jobs(orjson.loads(answer))
                names += jobs
                pairs += [pair] * len(jobs)
        return pa.table({"pair": pa.array(pairs, pa.int64()), "job_name": pa.array(names, pa.string())})

    def _arrow(self, query: str) -> pa.Table:
        return self._db.execute(query).to_arrow_table()
