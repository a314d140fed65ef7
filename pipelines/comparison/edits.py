"""Names the edit of each annotation between the left and the right label."""

import typing
from typing import Final

import numpy as np

from pipelines.comparison import alignment, records
from pipelines.comparison.alignment import Alignment
from pipelines.comparison.arrays import Integers
from pipelines.comparison.features import table as of

EDITS: Final[tuple[str, ...]] = typing.get_args(records.Edits.model_fields["edit"].annotation)
KEPT, ADDED, REMOVED, RELABELLED, MOVED, RELABELLED_AND_MOVED, TEXT_CHANGED = range(len(EDITS))


def edits(found: Alignment) -> Integers:
    """The edit of each row as an index into `EDITS`; partners share it.

    An annotation that moved and has another text counts as moved. Texts, files, rankings and comparisons that differ
    count as text_changed. A pose moves if its points do.
    """
    items = found.items
    result = np.where(items.side == of.LEFT, REMOVED, ADDED)
    left = np.flatnonzero((items.side == of.LEFT) & (found.partner >= 0))
    right = found.partner[left]
    relabelled = items.category[left] != items.category[right]
    moved = ~alignment.same_cover(items, left, right) & ~items.is_pose[left]
    moved |= found.ends[left] != found.ends[right]
    reworded = (items.text[left] != items.text[right]) | (items.meaning[left] != items.meaning[right])
    result[left] = result[right] = np.select(
        [relabelled & moved, relabelled, moved, reworded], [RELABELLED_AND_MOVED, RELABELLED, MOVED, TEXT_CHANGED], KEPT
    )
    return result
