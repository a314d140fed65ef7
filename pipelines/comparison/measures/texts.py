"""Similarity of transcribed texts."""

from collections.abc import Sequence

import numpy as np

from pipelines.comparison.arrays import Floats, Integers

_CODE_POINT_BITS = 21


def dice(left: Sequence[str], right: Sequence[str]) -> Floats:
    """Sørensen-Dice coefficient of character bigrams as multisets, pair by pair: 2 |X ∩ Y| / (|X| + |Y|).

    Case counts. Equal texts have 1. A text of fewer than two characters has no bigram: it has 1 with an equal text,
    else 0. Kili is reported to use Dice; whether on bigrams or on words is not published (format page, 3.3).
    """
    x, x_counts = _bigrams(left)
    y, y_counts = _bigrams(right)
    _, in_x, in_y = np.intersect1d(x, y, assume_unique=True, return_indices=True)
    shared = np.minimum(x_counts[in_x], y_counts[in_y])
    text_number = x[in_x] >> 2 * _CODE_POINT_BITS
    both = 2 * np.bincount(text_number, shared, len(left))
    total = np.array([max(len(a) - 1, 0) + max(len(b) - 1, 0) for a, b in zip(left, right, strict=True)], dtype=float)
    same = np.array([a == b for a, b in zip(left, right, strict=True)], dtype=float)
    return np.divide(both, total, out=same, where=(total > 0) & (same == 0))


def _bigrams(texts: Sequence[str]) -> tuple[Integers, Integers]:
    """The distinct bigrams of each text, with the text's position in the upper bits, and their counts."""
    points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.int64)
    text_number = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    is_same_text = text_number[1:] == text_number[:-1]
    bigrams = (points[:-1] << _CODE_POINT_BITS | points[1:]) + (text_number[:-1] << 2 * _CODE_POINT_BITS)
    return np.unique(bigrams[is_same_text], return_counts=True)
