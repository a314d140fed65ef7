"""The ends of relations. A relation names its ends by `mid`, which identifies annotations only within one label."""

from collections import defaultdict
from typing import Final

import numpy as np
import orjson
import pyarrow as pa

from pipelines.comparison.arrays import Hashes, Integers, hash_bytes, hash_rows
from pipelines.comparison.features.table import AnnotationTable

_END_COLUMNS: Final = ("start_mids", "end_mids")

_NumbersByMid = dict[tuple[int, str], list[int]]


def end_hashes(annotations: AnnotationTable, relations: Integers, annotation_number: Integers) -> Integers:
    """A hash of each relation's ends, equal for relations that start and end at the same annotations.

    `annotation_number` has a number for each row, which partners share. A mid is looked up in the relation's own label
    and frame. Several annotations may have the same mid, and a relation may have several starts and ends: their order
    does not count. All mids that the label lacks count as the same end, and so do those of relations and of what is
    nested in relations. Kili documents no rule for relations, so this is our choice (format page, 3.3).
    """
    table = annotations.table
    label_hash = hash_rows(annotations.pair, annotations.side, annotations.frame)
    by_mid = _numbers_by_mid(annotations, label_hash, relations, annotation_number)
    labels = label_hash[relations].tolist()
    starts, stops = (table[name].take(pa.array(relations)).to_pylist() for name in _END_COLUMNS)
    return np.array(
        [
            hash_bytes(orjson.dumps([_resolve(start, label, by_mid), _resolve(stop, label, by_mid)]))
            for start, stop, label in zip(starts, stops, labels, strict=True)
        ],
        dtype=np.int64,
    )


def _numbers_by_mid(
    annotations: AnnotationTable, label_hash: Hashes, relations: Integers, annotation_number: Integers
) -> _NumbersByMid:
    """The numbers of the annotations of labels with relations, by label and mid."""
    has_mid = annotations.table["mid"].is_valid().to_numpy()
    is_in_label = np.isin(label_hash, label_hash[relations])
    rows = np.flatnonzero(is_in_label & has_mid & ~annotations.is_relational)
    mids = annotations.table["mid"].take(pa.array(rows)).to_pylist()
    by_mid = defaultdict(list)
    for label, mid, number in zip(label_hash[rows].tolist(), mids, annotation_number[rows].tolist(), strict=True):
        by_mid[label, mid].append(number)
    return by_mid


def _resolve(mids: str | None, label: int, by_mid: _NumbersByMid) -> list[list[int]]:
    """The annotation numbers of each mid in a JSON list, sorted; an empty list for a mid that the label lacks."""
    return sorted(sorted(by_mid.get((label, mid), ())) for mid in orjson.loads(mids or "[]"))
