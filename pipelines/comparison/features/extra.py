"""Answers that the loader keeps in column `extra` only: the id of a file, a ranking, a comparison."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.comparison.arrays import Integers, hash_bytes
from pipelines.kili import canonical_json

Extra = Mapping[str, Any]


def _compared(extra: Extra) -> object:
    return [number_as_text(extra.get("firstId")), number_as_text(extra.get("secondId"))]


def _ranking(extra: Extra) -> object:
    """The ranks in order, each with its elements sorted, since elements of one rank have no order."""
    orders = extra.get("orders")
    try:
        return sorted(
            [number_as_text(order["rank"]), sorted(map(number_as_text, order["elements"]))] for order in orders or ()
        )
    except (TypeError, KeyError, RecursionError):
        return orders


def _file(extra: Extra) -> object:
    return number_as_text(extra.get("fileId"))


def number_as_text(value: Any) -> Any:
    """A number as text, since only some exports quote ids and ranks; any other value unchanged."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return str(int(value) if value == int(value) else value)


def _all(extra: Extra) -> object:
    return extra


_ANSWERS: Final[dict[str, Callable[[Extra], object]]] = {
    "comparison": _compared,
    "ranking": _ranking,
    "file": _file,
    "unknown": _all,
}
"""By kind: the part of `extra` that is the answer, in one form for all exports."""


def hashes(table: pa.Table) -> Integers:
    """A hash of each row's answer in `extra`, comparable within a kind; -1 for kinds with columns for their answer."""
    result = np.full(len(table), -1)
    rows = np.flatnonzero(pc.is_in(table["kind"], value_set=pa.array(list(_ANSWERS))).to_numpy())
    kinds, extras = (table[name].take(pa.array(rows)).to_pylist() for name in ("kind", "extra"))
    cached: dict[tuple[str, str | None], int] = {}
    for row, kind, extra in zip(rows, kinds, extras, strict=True):
        if (kind, extra) not in cached:
            cached[kind, extra] = hash_bytes(canonical_json.dumps(_ANSWERS[kind](orjson.loads(extra or "{}"))))
        result[row] = cached[kind, extra]
    return result
