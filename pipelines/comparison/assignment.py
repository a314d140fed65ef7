"""One-to-one matchings of positions on the left and right, by columns of keys or weighted edges.

All groups of a batch are matched at once. Positions that must not be matched have different keys, or no edge.
"""

from collections.abc import Iterator

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipelines.comparison.arrays import Floats, Integers, Keys, hash_rows

Matches = tuple[Integers, Integers]
"""Positions on the left and on the right, as long as each other."""

_CHUNK = 1_000_000
_MORE_PAIRS = 1e-12  # of matchings with equal sums, the one with more pairs: so the score is unique


def equal(left: Keys, right: Keys) -> Matches:
    """Matches equal keys, the first with the first, the second with the second and so on."""
    left_order, left_ranked = _ranked(left)
    right_order, right_ranked = _ranked(right)
    _, in_left, in_right = np.intersect1d(left_ranked, right_ranked, assume_unique=True, return_indices=True)
    return left_order[in_left], right_order[in_right]


def single(left: Keys, right: Keys) -> Matches:
    """Matches keys that occur once on each side."""
    left_keys, left_first, left_counts = np.unique(left, return_index=True, return_counts=True)
    right_keys, right_first, right_counts = np.unique(right, return_index=True, return_counts=True)
    _, in_left, in_right = np.intersect1d(left_keys, right_keys, assume_unique=True, return_indices=True)
    once = (left_counts[in_left] == 1) & (right_counts[in_right] == 1)
    return left_first[in_left[once]], right_first[in_right[once]]


def slices(left: Integers, right: Integers, keys: Keys) -> Iterator[Matches]:
    """Yields the rows whose keys occur on both sides, in slices of whole keys: about a million pairs, or one key."""
    groups, group = np.unique(np.concatenate([keys[left], keys[right]]), return_inverse=True)
    at_left, at_right = group[: len(left)], group[len(left) :]
    lefts, rights = (np.bincount(at, minlength=len(groups)).astype(float) for at in (at_left, at_right))
    pairs = lefts * rights
    part = (np.cumsum(pairs) - pairs) // _CHUNK
    for number in np.unique(part[pairs > 0]):
        yield left[part[at_left] == number], right[part[at_right] == number]


def candidates(left: Keys | Integers, right: Keys | Integers) -> Iterator[Matches]:
    """All pairs of equal keys, about a million at a time."""
    order = np.argsort(right, kind="stable")
    first = np.searchsorted(right[order], left, "left")
    count = np.searchsorted(right[order], left, "right") - first
    ends = np.cumsum(count)
    start = 0
    while start < len(left):
        reached = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, reached + _CHUNK, "right")))
        counts = count[start:stop]
        lefts = np.repeat(np.arange(start, stop), counts)
        offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        yield lefts, order[first[lefts] + offsets]
        start = stop


def best(left: Integers, right: Integers, weight: Floats) -> Integers:
    """The edges of a one-to-one matching with the greatest sum of weights, which have to be above 0.

    An edge joins a position on the left with one on the right. Returns positions of edges. Each connected component is
    solved exactly by scipy's linear_sum_assignment.
    """
    if not len(left):
        return np.empty(0, dtype=np.int64)
    lefts, rows = np.unique(left, return_inverse=True)
    rights, columns = np.unique(right, return_inverse=True)
    part = joined(rows, len(lefts) + columns, len(lefts) + len(rights))[rows]
    is_alone = np.bincount(part)[part] == 1
    shared = np.flatnonzero(~is_alone)
    shared = shared[np.argsort(part[shared], kind="stable")]
    knots = np.split(shared, np.flatnonzero(np.diff(part[shared])) + 1) if len(shared) else []
    return np.sort(np.concatenate([np.flatnonzero(is_alone), *(_assigned(k, rows, columns, weight) for k in knots)]))


def joined(left: Integers, right: Integers, count: int) -> Integers:
    """The connected component of each of `count` nodes. Edges join nodes on the left and right."""
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _assigned(edges: Integers, rows: Integers, columns: Integers, weight: Floats) -> Integers:
    lefts, row = np.unique(rows[edges], return_inverse=True)
    rights, column = np.unique(columns[edges], return_inverse=True)
    weights = np.zeros((len(lefts), len(rights)))
    weights[row, column] = weight[edges] + _MORE_PAIRS
    numbers = np.full(weights.shape, -1)
    numbers[row, column] = edges
    chosen = numbers[linear_sum_assignment(weights, maximize=True)]
    return np.asarray(chosen[chosen >= 0])


def _ranked(keys: Keys) -> tuple[Integers, Keys]:
    """Positions in the order of their keys, and a hash of each key with its rank among equal keys."""
    order = np.argsort(keys, kind="stable")
    in_order = keys[order]
    is_first = np.r_[True, in_order[1:] != in_order[:-1]] if len(keys) else np.empty(0, dtype=bool)
    starts = np.flatnonzero(is_first)
    ranks = np.arange(len(keys)) - np.repeat(starts, np.diff(np.r_[starts, len(keys)]))
    return order, hash_rows(in_order, ranks)
