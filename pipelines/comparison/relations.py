"""Relations between annotations. They name their ends by `mid`, which means nothing outside its own label."""

from collections import defaultdict

import numpy as np
import orjson
import pyarrow as pa

from pipelines.comparison.arrays import Flags, Integers, Keys, key


def ends(table: pa.Table, is_relation: Flags, place: Keys, covered: Keys) -> Integers:
    """A key for each relation, equal where it starts and ends at the same spans or shapes; -1 for other rows.

    `place` tells the frames of each label apart, where a mid is looked up; `covered` is what each row covers. A
    relation is the triple of its category and these two ends, in each of which order does not count. Kili documents no
    rule for relations: this is our choice (format page, 3.3). Ends that the label does not have are alike.
    """
    result = np.full(len(table), -1)
    rows = np.flatnonzero(is_relation)
    mids = _covered_by_mid(table, np.isin(place, place[rows]), place, covered)
    for row in rows:
        start, end = (_resolved(table[name][int(row)].as_py(), int(place[row]), mids) for name in _ENDS)
        result[row] = key(orjson.dumps([start, end]))
    return result


_ENDS = ("start_mids", "end_mids")


def _covered_by_mid(table: pa.Table, wanted: Flags, place: Keys, covered: Keys) -> dict[tuple[int, str], list[int]]:
    found = defaultdict(list)
    rows = np.flatnonzero(wanted & table["mid"].is_valid().to_numpy())
    for row, mid in zip(rows, table["mid"].take(pa.array(rows)).to_pylist(), strict=True):
        found[int(place[row]), mid].append(int(covered[row]))
    return found


def _resolved(listed: str | None, place: int, mids: dict[tuple[int, str], list[int]]) -> tuple[tuple[int, ...], ...]:
    """What the annotations at one end cover; nothing for a mid that the label does not have."""
    return tuple(sorted(tuple(sorted(mids.get((place, mid), ()))) for mid in orjson.loads(listed or "[]")))
