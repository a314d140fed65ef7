"""The load of schema `comparison`: append-only, like that of schema `kili`."""

from dataclasses import dataclass
from typing import Final

from pipelines import warehouse
from pipelines.comparison import records, source
from pipelines.comparison.uncompared import Uncompared
from pipelines.settings import Settings

SCHEMA: Final = "comparison"


@dataclass(frozen=True)
class Load:
    """What one load did: its id (null if there was nothing to compare), the rows it wrote and the rows there are."""

    load_id: str | None
    new_row_counts: dict[str, int]
    row_counts: dict[str, int]


def load(settings: Settings) -> Load:
    """Compares the pairs of labels that the method has not compared, in one dlt load that counts once finished."""
    warehouse.cut_unfinished_loads(settings.database, SCHEMA, records.TABLES)
    with Uncompared(settings.database, settings.method) as uncompared:
        is_due = bool(len(uncompared)) or uncompared.is_new_method
    data = source.comparison(settings.database, settings.method)
    load_id = warehouse.append(data, SCHEMA, settings) if is_due else None
    return Load(load_id, *warehouse.row_counts(settings.database, SCHEMA, records.TABLES, load_id))
