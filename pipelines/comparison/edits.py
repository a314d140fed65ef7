"""What became of each annotation between the left and the right label."""

from typing import Final

import numpy as np

from pipelines.comparison import items as of
from pipelines.comparison import shapes
from pipelines.comparison.alignment import SAME, Alignment
from pipelines.comparison.arrays import Flags, Integers

EDITS: Final = ("kept", "added", "removed", "relabelled", "moved", "relabelled_and_moved", "text_changed")
KEPT, ADDED, REMOVED, RELABELLED, MOVED, RELABELLED_AND_MOVED, TEXT_CHANGED = range(len(EDITS))


def edits(found: Alignment) -> Integers:
    """For each row of the items what happened, as a place in `EDITS`; partners share one.

    An annotation that both moved and says another text has moved. What is said otherwise than by a category, a span or
    a shape (a text, a file, a ranking, the two that are compared) has its text changed.
    """
    items = found.items
    result = np.where(items.side == of.LEFT, REMOVED, ADDED)
    left = np.flatnonzero((items.side == of.LEFT) & (found.partner >= 0))
    right = found.partner[left]
    relabelled = items.category[left] != items.category[right]
    moved = _moved(found, left, right)
    reworded = (items.text[left] != items.text[right]) | (items.meaning[left] != items.meaning[right])
    result[left] = result[right] = np.select(
        [relabelled & moved, relabelled, moved, reworded], [RELABELLED_AND_MOVED, RELABELLED, MOVED, TEXT_CHANGED], KEPT
    )
    return result


def _moved(found: Alignment, left: Integers, right: Integers) -> Flags:
    """Whether span, coordinates or ends are others. A pose moves by its points."""
    items = found.items
    moved = (items.span[left] != items.span[right]).any(axis=1)
    relation = items.kind[left] == of.RELATION
    moved |= relation & (items.meaning[left] != items.meaning[right])
    drawn = np.flatnonzero((items.shape[left] != items.shape[right]) & ~items.is_pose[left])
    a, b = items.shapes(left[drawn]), items.shapes(right[drawn])
    near = np.abs(items.bounds[left[drawn]] - items.bounds[right[drawn]]).max(axis=1, initial=0) <= SAME
    both_boxes = (items.cover[left[drawn]] == of.AREA) & shapes.are_boxes(a) & shapes.are_boxes(b)
    moved[drawn] |= np.where(both_boxes, ~near, ~shapes.are_same(a, b, SAME))
    return moved
