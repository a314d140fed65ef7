"""The dlt source of schema `comparison`: compares the pairs of labels that the method has not compared yet.

It also fits the Dawid-Skene model to the jobs whose ratings have changed.
"""

import logging
from collections.abc import Iterator

import dlt
import pyarrow as pa
from dlt.sources import DltResource

from pipelines.comparison import compare, records
from pipelines.comparison.method import Method
from pipelines.comparison.pending_fits import PendingFits
from pipelines.comparison.pending_pairs import Batch, PendingPairs
from pipelines.loading import dlt_resources
from pipelines.loading.parquet_files import Spool

Results = dict[str, pa.Table]

log = logging.getLogger(__name__)


@dlt.source(name="comparison")
def comparison(method: Method, pairs: PendingPairs | None, fits: PendingFits | None) -> Iterator[DltResource]:
    """All tables share one unselected parent, so that each batch is compared once and each job fitted once.

    Without `pairs` and `fits` all tables are empty, which is enough to define Dagster's assets.
    """

    def read(_: Spool) -> Iterator[Results]:
        if pairs is None or fits is None:
            return
        if pairs.is_new_method:
            yield {"methods": records.METHODS.from_dicts([method.row])}
        count = 0
        for batch in pairs.batches():
            yield results(batch, method)
            count += len(batch.pairs)
            log.info("compared %d of %d pairs of labels", count, len(pairs))
        for fit in fits.tables():
            yield {records.DAWID_SKENE.name: fit}

    yield from dlt_resources.resources(read, records.TABLES)


def results(batch: Batch, method: Method) -> Results:
    """The rows of one batch, by table."""
    compared = compare.compare(batch.annotations, batch.named_jobs, batch.pairs["pair_key"].combine_chunks(), method)
    scores = pa.array(compared.scores, from_pandas=True)
    pairs = batch.pairs.append_column("score", scores).cast(records.PAIRS.arrow_schema)
    return {"pairs": pairs, "jobs": compared.jobs, "edits": compared.edits}
