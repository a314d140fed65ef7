"""Transcribed texts."""

from collections.abc import Sequence

import numpy as np

from pipelines.comparison.arrays import Floats, Integers

_CODE_POINT_BITS = 21


def dice(left: Sequence[str], right: Sequence[str]) -> Floats:
    """Sørensen-Dice coefficient of the texts' character bigrams, pair by pair: 2 |X ∩ Y| / (|X| + |Y|), as multisets.

    Equal texts have 1; a text of fewer than two characters has no bigram, so it is equal or 0. Case counts. Kili is
    said to use Dice; whether on bigrams or words is not published (format page, 3.3).
    """
    x, x_counts = _bigrams(left)
    y, y_counts = _bigrams(right)
    _, in_x, in_y = np.intersect1d(x, y, assume_unique=True, return_indices=True)
    shared = np.minimum(x_counts[in_x], y_counts[in_y])
    owners = x[in_x] >> 2 * _CODE_POINT_BITS
    both = 2 * np.bincount(owners, shared, len(left))
    total = np.array([max(len(a) - 1, 0) + max(len(b) - 1, 0) for a, b in zip(left, right, strict=True)], dtype=float)
    same = np.array([a == b for a, b in zip(left, right, strict=True)], dtype=float)
    return np.divide(both, total, out=same, where=(total > 0) & (same == 0))


def _bigrams(texts: Sequence[str]) -> tuple[Integers, Integers]:
    """The different bigrams of each text, the text's position in the upper bits, and how often each stands there."""
    points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.int64)
    owners = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    inside = owners[1:] == owners[:-1]
    bigrams = (points[:-1] << _CODE_POINT_BITS | points[1:]) + (owners[:-1] << 2 * _CODE_POINT_BITS)
    found, counts = np.unique(bigrams[inside], return_counts=True)
    return found, counts
