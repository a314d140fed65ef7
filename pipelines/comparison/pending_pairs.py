"""Reads the pairs of labels that the method has not compared yet, a batch at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from pipelines.comparison import method
from pipelines.comparison.features import table
from pipelines.comparison.method import Method
from pipelines.loading import database

ANNOTATIONS_PER_BATCH: Final = 50_000  # their columns stay in the processor's cache

_PENDING: Final = """
    with uncompared as (
        select left_response_label_key as left_label_key, left_response_hash,
            right_response_label_key as right_label_key, right_response_hash
        from intermediate.label_pairs
        where left_response_hash is not null and right_response_hash is not null
        {except_compared}
    ),
    sized as (
        select uncompared.*, left_label.annotation_count + right_label.annotation_count + 1 as size
        from (select distinct * from uncompared) as uncompared
        join intermediate.current_labels as left_label on left_label.response_label_key = left_label_key
        join intermediate.current_labels as right_label on right_label.response_label_key = right_label_key
    )
    select * exclude (size),
        ((sum(size) over (order by left_label_key, right_label_key) - size) // $per_batch)::bigint as batch
    from sized"""
_EXCEPT_COMPARED: Final = """
        except
        select left_label_key, left_response_hash, right_label_key, right_response_hash
        from comparison.pairs where method_version = $method"""
_PAIRS: Final = """
    create temp table pairs as
    select batch, row_number() over (partition by batch order by left_label_key, right_label_key) - 1 as pair,
        md5(concat_ws(' ', left_label_key, left_response_hash, right_label_key, right_response_hash, $method))
            as pair_key,
        left_label_key, left_response_hash, right_label_key, right_response_hash, $method as method_version
    from pending"""
_SIDES: Final = f"""
    create temp table sides as
    select batch, pair, {table.LEFT}::bigint as side, left_label_key as label_key, left_response_hash as response_hash
    from pairs
    union all select batch, pair, {table.RIGHT}, right_label_key, right_response_hash from pairs"""
_ANNOTATIONS: Final = f"""
    select batch, pair, side, {", ".join(table.COLUMNS)}
    from sides
    join intermediate.current_annotations on sides.label_key = response_label_key
        and sides.response_hash = current_annotations.response_hash
    order by batch"""
_NAMED_JOBS: Final = """
    with newest as (
        select label_key, response_hash, arg_max(job_names, flatten_version) as job_names
        from staging.stg_kili__flattenings
        where (label_key, response_hash) in (select label_key, response_hash from sides)
        group by label_key, response_hash
    )
    select batch, pair, unnest(from_json(job_names, '["VARCHAR"]')) as job_name
    from sides join newest using (label_key, response_hash)
    order by batch"""


@dataclass(frozen=True, eq=False)
class Batch:
    """Some pairs, numbered from 0: rows of `comparison.pairs` without the score, their annotations and named jobs."""

    pairs: pa.Table
    annotations: pa.Table
    named_jobs: pa.Table


class PendingPairs:
    """The pairs that a method has not compared yet. The list is read once; the warehouse is open only while reading."""

    def __init__(self, file: Path, by: Method) -> None:
        self._file = file
        self._method = by
        with database.reading(self._file) as db:
            has_results = "pairs" in database.table_names(db, "comparison")
            query = _PENDING.format(except_compared=_EXCEPT_COMPARED if has_results else "")
            parameters = {"method": by.version} if has_results else {}
            self._pending = db.execute(query, {"per_batch": ANNOTATIONS_PER_BATCH, **parameters}).to_arrow_table()
            self.is_new_method = method.newest_version(db) != by.version
            """Whether the newest comparison used another method, or there is none."""

    def __len__(self) -> int:
        return len(self._pending)

    def batches(self) -> Iterator[Batch]:
        """The pairs in batches of about `ANNOTATIONS_PER_BATCH` annotations, or of one pair if it has more.

        Each query runs once and returns rows in the order of batches, however many batches there are.
        """
        with database.reading(self._file) as db:
            db.register("pending", self._pending)
            db.execute(_PAIRS, {"method": self._method.version})
            db.execute(_SIDES)
            pairs = db.execute("select * exclude (pair) from pairs order by batch, pair").to_arrow_table()
            named_jobs = db.execute(_NAMED_JOBS).to_arrow_table()
            annotations = database.batches(db, _ANNOTATIONS, ANNOTATIONS_PER_BATCH)
            readers = [_BatchReader(rows) for rows in (pairs.to_reader(), annotations, named_jobs.to_reader())]
            for batch in pairs["batch"].unique().to_pylist():
                yield Batch(*(reader.read(batch) for reader in readers))


class _BatchReader:
    """Reads rows sorted by batch, one batch after the other."""

    def __init__(self, rows: pa.RecordBatchReader) -> None:
        self._rows = rows
        self._rest: pa.RecordBatch | None = None

    def read(self, batch: int) -> pa.Table:
        """The rows of a batch. Batches must be read in ascending order."""
        parts: list[pa.RecordBatch] = []
        while (rows := self._rest or next(self._rows, None)) is not None:
            count = int(np.searchsorted(rows["batch"].to_numpy(), batch, "right"))
            parts.append(rows.slice(0, count))
            self._rest = rows.slice(count) if count < len(rows) else None
            if self._rest:
                break
        return pa.Table.from_batches(parts, self._rows.schema).drop_columns("batch")
