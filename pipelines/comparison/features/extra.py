"""Reads keys without a column: the id of a file, a ranking, a comparison."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.comparison.arrays import Integers, key
from pipelines.kili import canonical_json

Extra = Mapping[str, Any]


def _compared(extra: Extra) -> object:
    return [text(extra.get("firstId")), text(extra.get("secondId"))]


def _ranking(extra: Extra) -> object:
    """The ranks in order; those that share a rank have none."""
    orders = extra.get("orders")
    try:
        return sorted([text(order["rank"]), sorted(map(text, order["elements"]))] for order in orders or ())
    except (TypeError, KeyError, RecursionError):
        return orders


def _file(extra: Extra) -> object:
    return text(extra.get("fileId"))


def text(value: Any) -> Any:
    """A number as text, since some exports quote ids and ranks and others do not; any other value unchanged."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return str(int(value) if value == int(value) else value)


def _all(extra: Extra) -> object:
    return extra


_SAID: Final[dict[str, Callable[[Extra], object]]] = {
    "comparison": _compared,
    "ranking": _ranking,
    "file": _file,
    "unknown": _all,
}


def read(table: pa.Table) -> Integers:
    """A key for each row, equal if kind and meaning are equal; -1 if the columns hold everything."""
    meaning = np.full(len(table), -1)
    rows = np.flatnonzero(pc.is_in(table["kind"], value_set=pa.array(list(_SAID))).to_numpy())
    kinds, extras = (table[name].take(pa.array(rows)).to_pylist() for name in ("kind", "extra"))
    known: dict[tuple[str, str | None], int] = {}
    for row, kind, extra in zip(rows, kinds, extras, strict=True):
        if (kind, extra) not in known:
            known[kind, extra] = key(canonical_json.dumps(_SAID[kind](orjson.loads(extra or "{}"))))
        meaning[row] = known[kind, extra]
    return meaning
