"""The load of schema `comparison`: append-only, like that of schema `kili`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipelines.comparison import method, records, source
from pipelines.comparison.pending_pairs import PendingPairs
from pipelines.loading import database, pipeline
from pipelines.settings import Settings

SCHEMA: Final = "comparison"


_TENTHS: Final = """
    select least(floor(score * 10), 9)::int as tenth, count(*), sum(score)
    from comparison.pairs
    where method_version = (select method_version from comparison.methods order by _dlt_load_id desc limit 1)
    group by tenth order by tenth nulls first"""


@dataclass(frozen=True)
class Tenth:
    """The pairs with a score in one tenth, 0 to 9, and the sum of their scores; tenth null: pairs without a score."""

    tenth: int | None
    pair_count: int
    score_sum: float | None


@dataclass(frozen=True)
class Load:
    """The result of a load: its id (null if there was nothing to compare), the rows it wrote, and all rows."""

    load_id: str | None
    new_row_counts: dict[str, int]
    row_counts: dict[str, int]


def load(settings: Settings) -> Load:
    """Compares the pairs of labels that the method has not compared, in one dlt load that counts once finished."""
    database.cut_unfinished_loads(settings.database, SCHEMA, records.TABLES)
    chosen = method.from_settings(settings)
    uncompared = PendingPairs(settings.database, chosen)
    data = source.comparison(uncompared, chosen)
    load_id = pipeline.append(data, SCHEMA, settings) if len(uncompared) or uncompared.is_new_method else None
    return Load(load_id, *database.row_counts(settings.database, SCHEMA, records.TABLES, load_id))


def tenths(file: Path) -> list[Tenth]:
    """The distribution of all scores by the newest method."""
    with database.reading(file) as db:
        return [Tenth(*row) for row in db.execute(_TENTHS).fetchall()]
