"""One-to-one matchings between left and right rows, over columns of hashes and weights.

All functions take columns and return positions in them. All groups of a batch are matched in one call: rows that must
not be matched with each other have different hashes, or no edge.
"""

from collections.abc import Iterator

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipelines.comparison.arrays import Floats, Hashes, Integers, hash_rows

Matches = tuple[Integers, Integers]
"""Positions on the left and on the right, of equal length."""

_CHUNK_PAIRS = 1_000_000
_BONUS_PER_PAIR = 1e-12  # prefers more pairs among matchings of the same sum, so that there is one score only


def match_equal(left: Hashes, right: Hashes) -> Matches:
    """Matches equal hashes: the first occurrence with the first, the second with the second, and so on."""
    left_order, left_ranked = _rank_among_equal(left)
    right_order, right_ranked = _rank_among_equal(right)
    _, in_left, in_right = np.intersect1d(left_ranked, right_ranked, assume_unique=True, return_indices=True)
    return left_order[in_left], right_order[in_right]


def match_unique(left: Hashes, right: Hashes) -> Matches:
    """Matches equal hashes that occur exactly once on each side."""
    left_keys, left_first, left_counts = np.unique(left, return_index=True, return_counts=True)
    right_keys, right_first, right_counts = np.unique(right, return_index=True, return_counts=True)
    _, in_left, in_right = np.intersect1d(left_keys, right_keys, assume_unique=True, return_indices=True)
    once = (left_counts[in_left] == 1) & (right_counts[in_right] == 1)
    return left_first[in_left[once]], right_first[in_right[once]]


def slices(left: Integers, right: Integers, hashes: Hashes) -> Iterator[Matches]:
    """The rows whose hash occurs on both sides, in slices of whole hashes: about a million pairs, or a single hash."""
    groups, group = np.unique(np.concatenate([hashes[left], hashes[right]]), return_inverse=True)
    left_group, right_group = group[: len(left)], group[len(left) :]
    left_counts, right_counts = (
        np.bincount(side, minlength=len(groups)).astype(float) for side in (left_group, right_group)
    )
    pair_counts = left_counts * right_counts
    part = (np.cumsum(pair_counts) - pair_counts) // _CHUNK_PAIRS
    for number in np.unique(part[pair_counts > 0]):
        yield left[part[left_group] == number], right[part[right_group] == number]


def candidate_pairs(left: Hashes | Integers, right: Hashes | Integers) -> Iterator[Matches]:
    """All pairs of equal hashes, about a million at a time."""
    order = np.argsort(right, kind="stable")
    first = np.searchsorted(right[order], left, "left")
    count = np.searchsorted(right[order], left, "right") - first
    ends = np.cumsum(count)
    start = 0
    while start < len(left):
        previous_end = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, previous_end + _CHUNK_PAIRS, "right")))
        counts = count[start:stop]
        lefts = np.repeat(np.arange(start, stop), counts)
        offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        yield lefts, order[first[lefts] + offsets]
        start = stop


def max_weight_matching(left: Integers, right: Integers, weight: Floats) -> Integers:
    """The edges of a one-to-one matching with the greatest sum of weights. Weights must be above 0.

    Edge i joins `left[i]` with `right[i]`; the result holds positions of edges, ascending. Each connected part of the
    graph is solved exactly by scipy's `linear_sum_assignment`.
    """
    if not len(left):
        return np.empty(0, dtype=np.int64)
    lefts, rows = np.unique(left, return_inverse=True)
    rights, columns = np.unique(right, return_inverse=True)
    part = component_numbers(rows, len(lefts) + columns, len(lefts) + len(rights))[rows]
    is_single_edge = np.bincount(part)[part] == 1
    shared = np.flatnonzero(~is_single_edge)
    shared = shared[np.argsort(part[shared], kind="stable")]
    parts = np.split(shared, np.flatnonzero(np.diff(part[shared])) + 1) if len(shared) else []
    solved = [_solve(edges, rows, columns, weight) for edges in parts]
    return np.sort(np.concatenate([np.flatnonzero(is_single_edge), *solved]))


def component_numbers(left: Integers, right: Integers, node_count: int) -> Integers:
    """The number of the connected component of each node. Edge i joins the nodes `left[i]` and `right[i]`."""
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(node_count, node_count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _solve(edges: Integers, rows: Integers, columns: Integers, weight: Floats) -> Integers:
    lefts, row = np.unique(rows[edges], return_inverse=True)
    rights, column = np.unique(columns[edges], return_inverse=True)
    weights = np.zeros((len(lefts), len(rights)))
    weights[row, column] = weight[edges] + _BONUS_PER_PAIR
    edge_numbers = np.full(weights.shape, -1)
    edge_numbers[row, column] = edges
    chosen = edge_numbers[linear_sum_assignment(weights, maximize=True)]
    return np.asarray(chosen[chosen >= 0])


def _rank_among_equal(hashes: Hashes) -> tuple[Integers, Hashes]:
    """Positions sorted by hash, and for each a hash of its value and its rank among equal values."""
    order = np.argsort(hashes, kind="stable")
    in_order = hashes[order]
    is_first = np.r_[True, in_order[1:] != in_order[:-1]] if len(hashes) else np.empty(0, dtype=bool)
    starts = np.flatnonzero(is_first)
    ranks = np.arange(len(hashes)) - np.repeat(starts, np.diff(np.r_[starts, len(hashes)]))
    return order, hash_rows(in_order, ranks)
