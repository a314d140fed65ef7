"""The jobs whose ratings the Dawid-Skene model has not been fitted to yet, and the fits."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.comparison import dawid_skene, records
from pipelines.comparison.arrays import Integers
from pipelines.loading import database

_JOBS: Final = """
    select ratings_hash, project_id, job_name from intermediate.job_ratings
    where dawid_skene_reason is null {but_those_fitted}
    order by ratings_hash"""
_BUT_THOSE_FITTED: Final = "and ratings_hash not in (select ratings_hash from comparison.dawid_skene)"
_RATINGS: Final = """
    select ratings.asset_id, ratings.annotator_id, ratings.rating
    from intermediate.units
    join intermediate.ratings using (asset_id, job_name)
    where units.job_name = $job_name and units.project_id is not distinct from $project_id
    order by ratings.asset_id, ratings.annotator_id"""


class PendingFits:
    """The jobs whose current ratings have no fit in the warehouse yet. The list is read once."""

    def __init__(self, file: Path) -> None:
        self._file = file
        with database.reading(file) as db:
            has_fits = records.DAWID_SKENE.name in database.table_names(db, "comparison")
            self._jobs = database.rows(db, _JOBS.format(but_those_fitted=_BUT_THOSE_FITTED if has_fits else ""))

    def __len__(self) -> int:
        return len(self._jobs)

    def tables(self) -> Iterator[pa.Table]:
        """For each job its rows of `comparison.dawid_skene`. The ratings are sorted by their content."""
        with database.reading(self._file) as db:
            for job in self._jobs:
                named = {"project_id": job["project_id"], "job_name": job["job_name"]}
                ratings = db.execute(_RATINGS, named).to_arrow_table()
                yield _fit(ratings, job)


def _fit(ratings: pa.Table, job: database.Row) -> pa.Table:
    assets, unit = _numbered(ratings["asset_id"])
    _, annotator = _numbered(ratings["annotator_id"])
    values, value = _numbered(ratings["rating"])
    fit = dawid_skene.fit(unit, annotator, value)
    columns = {name: pa.repeat(pa.scalar(text, pa.string()), len(assets)) for name, text in job.items()} | {
        "asset_id": assets,
        "rating": values.take(pa.array(fit.value)),
        "confidence": pa.array(fit.confidence),
        "iteration_count": pa.repeat(fit.iteration_count, len(assets)),
    }
    schema = records.DAWID_SKENE.arrow_schema
    return pa.table([columns[name].cast(schema.field(name).type) for name in schema.names], schema)


def _numbered(texts: pa.ChunkedArray) -> tuple[pa.Array, Integers]:
    """The distinct texts by code point, and the number of each row's."""
    encoded = texts.combine_chunks().dictionary_encode()
    order = pc.array_sort_indices(encoded.dictionary).to_numpy()
    return encoded.dictionary.take(pa.array(order)), np.argsort(order)[encoded.indices.to_numpy()]
