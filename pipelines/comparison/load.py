"""The load of schema `comparison`, append-only like that of schema `kili`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipelines.comparison import method, records, source
from pipelines.comparison.pending_fits import PendingFits
from pipelines.comparison.pending_pairs import PendingPairs
from pipelines.loading import database, pipeline
from pipelines.settings import Settings

SCHEMA: Final = "comparison"


_SCORE_BINS: Final = """
    select least(floor(score * 10), 9)::int as tenth, count(*), sum(score)
    from comparison.pairs
    where method_version = (select method_version from comparison.methods order by _dlt_load_id desc limit 1)
    group by tenth order by tenth nulls first"""


@dataclass(frozen=True)
class ScoreBin:
    """A bin of a histogram of scores: the pairs with a score from tenth / 10 to (tenth + 1) / 10, tenth 0 to 9.

    tenth: null for pairs without a score. score_sum: the sum of the pairs' scores, null for pairs without a score.
    """

    tenth: int | None
    pair_count: int
    score_sum: float | None


@dataclass(frozen=True)
class Load:
    """The result of one load: its id (null if there was nothing to compare), rows written and total rows by table."""

    load_id: str | None
    new_row_counts: dict[str, int]
    row_counts: dict[str, int]


def load(settings: Settings) -> Load:
    """Compares the pairs of labels that the method has not compared yet, and fits the Dawid-Skene model.

    The model is fitted to the jobs whose ratings have changed. One dlt load writes both. Rows count once it ends.
    """
    database.delete_unfinished_loads(settings.database, SCHEMA, records.TABLES)
    chosen = method.from_settings(settings)
    pairs, fits = PendingPairs(settings.database, chosen), PendingFits(settings.database)
    is_pending = len(pairs) or pairs.is_new_method or len(fits) or _lacks_tables(settings.database)
    data = source.comparison(chosen, pairs, fits)
    load_id = pipeline.append(data, SCHEMA, settings) if is_pending else None
    return Load(load_id, *database.row_counts(settings.database, SCHEMA, records.TABLES, load_id))


def _lacks_tables(file: Path) -> bool:
    """Whether older code, which declared fewer tables, has made the warehouse. A load creates missing tables."""
    with database.reading(file) as db:
        return not {table.name for table in records.TABLES} <= database.table_names(db, SCHEMA)


def score_histogram(file: Path) -> list[ScoreBin]:
    """The histogram of all scores that the newest method has given to pairs of labels, old answers included."""
    with database.reading(file) as db:
        return [ScoreBin(*row) for row in db.execute(_SCORE_BINS).fetchall()]
