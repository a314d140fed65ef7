"""The pairs of labels in the warehouse that the method has not compared yet, a batch at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa

from pipelines.comparison import items, method
from pipelines.comparison.method import Method
from pipelines.kili import answers

ANNOTATIONS_PER_BATCH: Final = 200_000

_ANSWERS_AT_ONCE: Final = 1000
_NAMED: Final = pa.schema({"label_key": pa.string(), "response_hash": pa.string(), "job_name": pa.string()})

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
    create temp table pairs as
    select batch, row_number() over (partition by batch order by left_label_key, right_label_key) - 1 as pair,
        md5(concat_ws(' ', left_label_key, left_response_hash, right_label_key, right_response_hash, $method))
            as pair_key,
        left_label_key, left_response_hash, right_label_key, right_response_hash, $method as method_version
    from missing"""
_SIDES: Final = f"""
    create temp table sides as
    select batch, pair, {items.LEFT}::bigint as side, left_label_key as label_key, left_response_hash as response_hash
    from pairs
    union all select batch, pair, {items.RIGHT}, right_label_key, right_response_hash from pairs"""
_ANNOTATIONS: Final = f"""
    create temp table annotations as
    select batch, pair, side, {", ".join(items.COLUMNS)}
    from sides join intermediate.current_annotations using (label_key, response_hash)
    order by batch"""
_ANSWERS: Final = """
    select label_key, response_hash, json_response
    from intermediate.current_responses
    where (label_key, response_hash) in (select label_key, response_hash from sides)"""
_NAMED_JOBS: Final = """
    select pair, job_name from sides join named using (label_key, response_hash) where batch = $batch"""


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
        """The pairs in batches of about as many annotations each, or one pair if it has more.

        What they need is first put in the order of batches, so that the warehouse is read once, however many there are.
        """
        self._db.execute(_PAIRS, {"method": self._method.version})
        self._db.execute(_SIDES)
        self._db.execute(_ANNOTATIONS)
        named = self._named_jobs()  # noqa: F841 - DuckDB reads it by its name
        self._db.execute("create temp table named as select * from named")
        for (number,) in self._db.execute("select distinct batch from missing order by batch").fetchall():
            yield Batch(
                self._of_batch("select * exclude (batch, pair) from pairs where batch = $batch order by pair", number),
                self._of_batch("select * exclude (batch) from annotations where batch = $batch", number),
                self._of_batch(_NAMED_JOBS, number),
            )

    def _named_jobs(self) -> pa.Table:
        """The jobs that the answers of the pairs name: label_key, response_hash, job_name."""
        found = [_NAMED.empty_table()]
        for said in self._db.execute(_ANSWERS).to_arrow_reader(_ANSWERS_AT_ONCE):
            jobs = [answers.named_jobs(text) for text in said["json_response"].to_pylist()]
            rows = said.select(_NAMED.names[:2]).take(pa.array(np.repeat(np.arange(len(jobs)), [*map(len, jobs)])))
            names = pa.array([name for one in jobs for name in one], pa.string())
            found.append(pa.Table.from_batches([rows]).append_column("job_name", names))
        return pa.concat_tables(found)

    def _of_batch(self, query: str, number: int) -> pa.Table:
        return self._db.execute(query, {"batch": number}).to_arrow_table()
