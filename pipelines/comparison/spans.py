"""Stretches of text, by their character offsets."""

import numpy as np

from pipelines.comparison.arrays import Flags, Floats, Integers, overlap


def iou(left: Integers, right: Integers) -> Floats:
    """Characters in both over characters in either, row by row.

    Both are (n, 3): node of the document, first character, character after the last. Stretches in different nodes
    share nothing; equal ones have 1, also where they are empty. Kili is said to compare entities by a Levenshtein
    distance whose formula is not published: this is our choice (format page, 3.3). A stretch from one node to another,
    whose offsets count from different places, shares all or nothing.
    """
    shared = np.clip(np.minimum(left[:, 2], right[:, 2]) - np.maximum(left[:, 1], right[:, 1]), 0, None)
    shared = np.where(left[:, 0] == right[:, 0], shared, 0)
    union = (left[:, 2] - left[:, 1]) + (right[:, 2] - right[:, 1]) - shared
    return overlap(shared.astype(float), union.astype(float), (left == right).all(axis=1))


def touch(left: Integers, right: Integers) -> Flags:
    """Whether stretches, row by row, lie in one node and overlap or meet."""
    return (left[:, 0] == right[:, 0]) & (left[:, 1] <= right[:, 2]) & (right[:, 1] <= left[:, 2])
