"""The edit of each annotation between the left and the right label."""

import typing
from typing import Final

import numpy as np

from pipelines.comparison import records, similarity
from pipelines.comparison.alignment import Alignment
from pipelines.comparison.arrays import Integers
from pipelines.comparison.features import table as features

EDITS: Final[tuple[str, ...]] = typing.get_args(records.Edits.model_fields["edit"].annotation)
KEPT, ADDED, REMOVED, RELABELLED, MOVED, RELABELLED_AND_MOVED, TEXT_CHANGED = range(len(EDITS))


def edits(alignment: Alignment) -> Integers:
    """The edit of each annotation, as a position in `EDITS`; partners have the same edit.

    An annotation whose extent and text both change is "moved". A changed answer that is neither a category, a span nor
    a shape (a text, a file, a ranking, the two compared assets) is "text_changed". A pose itself never moves, only its
    points do.
    """
    annotations, partner = alignment.annotations, alignment.partner
    is_left = annotations.side == features.LEFT
    result = np.where(is_left, REMOVED, ADDED)
    left = np.flatnonzero(is_left & (partner >= 0))
    right = partner[left]
    relabelled = annotations.category[left] != annotations.category[right]
    moved = ~similarity.same_extent(annotations, left, right) & ~annotations.is_pose[left]
    moved |= alignment.ends[left] != alignment.ends[right]
    reworded = annotations.text[left] != annotations.text[right]
    reworded |= annotations.extra_hash[left] != annotations.extra_hash[right]
    result[left] = result[right] = np.select(
        [relabelled & moved, relabelled, moved, reworded], [RELABELLED_AND_MOVED, RELABELLED, MOVED, TEXT_CHANGED], KEPT
    )
    return result
