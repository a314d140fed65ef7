"""Relations between annotations. They name their ends by `mid`, which means nothing outside its own label."""

from collections import defaultdict
from typing import Final

import numpy as np
import orjson
import pyarrow as pa

from pipelines.comparison.arrays import Integers, Keys, hash_rows, key
from pipelines.comparison.features.table import Items

_ENDS: Final = ("start_mids", "end_mids")

_ByMid = dict[tuple[int, str], list[int]]


def ends(items: Items, relations: Integers, annotations: Integers) -> Integers:
    """A key for each relation, equal if relations start and end at the same annotations.

    `annotations`: a number for each row, shared by partners. A mid is looked up in the relation's own label and
    frame. It may be that of several annotations, and a relation may have several starts and ends: their order does not
    count. Mids that the label does not have are alike, and so are those of relations and of what is nested in them.
    Kili documents no rule for relations: this is our choice (format page, 3.3).
    """
    table = items.table
    label = hash_rows(items.pair, items.side, items.frame)
    by_mid = _by_mid(items, label, relations, annotations)
    labels = label[relations].tolist()
    starts, stops = (table[name].take(pa.array(relations)).to_pylist() for name in _ENDS)
    return np.array(
        [
            key(orjson.dumps([_resolved(start, in_label, by_mid), _resolved(stop, in_label, by_mid)]))
            for start, stop, in_label in zip(starts, stops, labels, strict=True)
        ],
        dtype=np.int64,
    )


def _by_mid(items: Items, label: Keys, relations: Integers, annotations: Integers) -> _ByMid:
    """The annotations of labels with relations, by label and mid."""
    is_named = np.isin(label, label[relations]) & items.table["mid"].is_valid().to_numpy() & ~items.is_relational
    rows = np.flatnonzero(is_named)
    mids = items.table["mid"].take(pa.array(rows)).to_pylist()
    found = defaultdict(list)
    for in_label, mid, annotation in zip(label[rows].tolist(), mids, annotations[rows].tolist(), strict=True):
        found[in_label, mid].append(annotation)
    return found


def _resolved(listed: str | None, label: int, by_mid: _ByMid) -> list[list[int]]:
    """The annotations at one end; nothing for a mid that the label does not have."""
    return sorted(sorted(by_mid.get((label, mid), ())) for mid in orjson.loads(listed or "[]"))
