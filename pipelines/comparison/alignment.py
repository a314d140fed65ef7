"""Matches the annotations of the left label of each pair with those of the right label.

Annotations are matched only within a group: pair of labels, job, kind, frame, and parent. A nested annotation is
matched after its parent. The order of matching is:

1. annotations equal with all that is nested in them,
2. annotations equal without it,
3. annotations with an extent (span, area, lines, points) of equal coordinates within 1e-9,
4. annotations with an extent by similarity, first within a category, then across categories,
5. annotations without an extent that remain alone in their group on both sides.

Steps 1 to 3 lose no matching with a greater sum of similarities, because one minus the IoU (Jaccard distance) is a
metric.
"""

from dataclasses import dataclass

import numpy as np

from pipelines.comparison import assignment, similarity
from pipelines.comparison.arrays import Floats, Hashes, Integers, hash_rows
from pipelines.comparison.features import relations as relation_ends
from pipelines.comparison.features import table as features
from pipelines.comparison.features.table import LINE, NONE, AnnotationTable
from pipelines.comparison.method import Method


@dataclass(frozen=True, eq=False)
class Alignment:
    """The result of matching, in columns with a row for each annotation.

    partner: row of the matched annotation on the other side, or -1. similarity: 0 to 1, of areas and spans the IoU; not
    a number for matches without an extent. group: hash of the group in which annotations are matched, or 0 if the
    parent has no partner. ends: hash of a relation's ends, or -1.
    """

    annotations: AnnotationTable
    partner: Integers
    similarity: Floats
    group: Hashes
    ends: Integers

    def match(self, left: Integers, right: Integers, similarity: Floats | float = 1.0) -> None:
        """Makes rows partners."""
        self.partner[left], self.partner[right] = right, left
        self.similarity[left] = self.similarity[right] = similarity

    def unmatched(self, rows: Integers) -> tuple[Integers, Integers]:
        """Those of the rows that have no partner yet, left and right."""
        rows = rows[self.partner[rows] < 0]
        side = self.annotations.side[rows]
        return rows[side == features.LEFT], rows[side == features.RIGHT]


def align(annotations: AnnotationTable, method: Method) -> Alignment:
    """Matches the annotations of all pairs of a batch, one level of nesting after the other.

    Relations and what is nested in them come last, since the ends of a relation depend on the partners of annotations.
    """
    count = len(annotations)
    alignment = Alignment(
        annotations, np.full(count, -1), np.full(count, np.nan), np.zeros(count, dtype=np.uint64), np.full(count, -1)
    )
    for is_relational in (False, True):
        for depth in range(int(annotations.depth.max(initial=0)) + 1):
            is_next = (annotations.depth == depth) & (annotations.is_relational == is_relational)
            if is_next.any():
                _align_level(alignment, annotations.sorted_rows[is_next[annotations.sorted_rows]], method)
    return alignment


def _align_level(alignment: Alignment, rows: Integers, method: Method) -> None:
    """Matches rows of one depth, whose parents have been matched."""
    annotations = alignment.annotations
    rows = rows[(annotations.parent[rows] < 0) | (alignment.partner[annotations.parent[rows]] >= 0)]
    alignment.group[rows] = _groups(alignment, rows)
    rows = rows[np.argsort(annotations.full_hash[rows], kind="stable")]  # the order in the label must not count
    relations = rows[annotations.kind[rows] == features.RELATION]
    if len(relations):
        numbers = _numbers_shared_by_partners(alignment)
        alignment.ends[relations] = relation_ends.end_hashes(annotations, relations, numbers)
    _match_equal(alignment, rows, annotations.full_hash)
    _match_equal(alignment, rows, annotations.own_hash)
    _match_by_similarity(alignment, rows, method)
    _match_remaining(alignment, rows)


def _numbers_shared_by_partners(alignment: Alignment) -> Integers:
    """A number for each annotation that it shares with its partner.

    Annotations that a label repeats exactly share a number too, because the choice among them is arbitrary.
    """
    annotations = alignment.annotations
    content = hash_rows(alignment.group, annotations.side, annotations.full_hash)
    _, number = np.unique(content, return_inverse=True)
    matched = np.flatnonzero(alignment.partner >= 0)
    partner_number = number[alignment.partner[matched]]
    return assignment.component_numbers(number[matched], partner_number, len(annotations))[number]


def _groups(alignment: Alignment, rows: Integers) -> Hashes:
    """The hash of each row's group, equal on both sides; partners count as one parent."""
    annotations = alignment.annotations
    parent = annotations.parent[rows]
    is_left = annotations.side[rows] == features.LEFT
    left_parent = np.where(is_left, parent, np.where(parent >= 0, alignment.partner[parent], -1))
    columns = annotations.job, annotations.kind, annotations.frame
    return hash_rows(annotations.pair[rows], left_parent, *(column[rows] for column in columns))


def _match_equal(alignment: Alignment, rows: Integers, content: Hashes) -> None:
    left, right = alignment.unmatched(rows)
    in_left, in_right = assignment.match_equal(
        *(hash_rows(alignment.group[side], content[side], alignment.ends[side]) for side in (left, right))
    )
    alignment.match(left[in_left], right[in_right])


def _match_by_similarity(alignment: Alignment, rows: Integers, method: Method) -> None:
    """Matches spans, areas, lines and points by the greatest sum of similarities, within a category, then across."""
    annotations = alignment.annotations
    rows = rows[annotations.extent[rows] != NONE]
    for is_across in (False, True):
        columns = [] if is_across else [annotations.category]
        group = hash_rows(alignment.group, annotations.extent, *columns)
        for left, right in assignment.slices(*alignment.unmatched(rows), group):
            edges = _edges(annotations, left, right, group, all_lines=not is_across)
            equal = np.flatnonzero(similarity.same_extent(annotations, edges.left, edges.right))
            edges.similarity[equal] = 1
            _match_best(alignment, edges, equal)
            is_allowed = edges.similarity > 0
            if is_across:
                is_allowed &= edges.similarity >= method.relabel_iou
                is_allowed &= annotations.extent[edges.left] != LINE
            _match_best(alignment, edges, np.flatnonzero(is_allowed))


def _match_remaining(alignment: Alignment, rows: Integers) -> None:
    """Matches annotations without an extent (categories, texts, relations) where one remains on each side."""
    annotations = alignment.annotations
    rows = rows[annotations.extent[rows] == NONE]
    relations = rows[annotations.kind[rows] == features.RELATION]
    answers = rows[np.isin(annotations.kind[rows], _SINGLE_KINDS)]
    for some, hashes in (
        (relations, hash_rows(alignment.group, alignment.ends)),
        (relations, hash_rows(alignment.group, annotations.category)),
        (answers, alignment.group),
    ):
        left, right = alignment.unmatched(some)
        in_left, in_right = assignment.match_unique(hashes[left], hashes[right])
        alignment.match(left[in_left], right[in_right], np.nan)


_SINGLE_KINDS = (
    features.CLASSIFICATION,
    features.TRANSCRIPTION,
    features.COMPARISON,
    features.RANKING,
    features.FILE,
)


@dataclass(frozen=True, eq=False)
class _Edges:
    """Pairs of rows that may be matched.

    `first` and `second` number the left and right rows in an order that depends on their content only.
    """

    first: Integers
    second: Integers
    left: Integers
    right: Integers
    similarity: Floats


def _edges(annotations: AnnotationTable, left: Integers, right: Integers, group: Hashes, *, all_lines: bool) -> _Edges:
    """Pairs of rows in one group that intersect on a page, with their similarity.

    With `all_lines`, lines and points need not intersect. An annotation on several pages is a candidate on each of
    them, so a document with many pages has few candidates.
    """
    shapes = annotations.page_shapes
    (left_position, lefts), (right_position, rights) = shapes.of_annotations(left), shapes.of_annotations(right)
    on_left, on_right = (hash_rows(group[shapes.row[side]], shapes.page[side]) for side in (lefts, rights))
    pairs = [
        (left_position[i[is_near]], right_position[j[is_near]])
        for i, j in assignment.candidate_pairs(on_left, on_right)
        if (is_near := similarity.intersects(annotations, lefts[i], rights[j], all_lines=all_lines)).any()
    ]
    first, second = (np.concatenate([np.empty(0, dtype=np.int64), *(pair[side] for pair in pairs)]) for side in (0, 1))
    if shapes.is_on_several_pages.any():  # a pair may intersect on several pages
        first, second = np.divmod(np.unique(first * len(right) + second), len(right))
    values = similarity.similarity(annotations, left[first], right[second])
    return _Edges(first, second, left[first], right[second], values)


def _match_best(alignment: Alignment, edges: _Edges, allowed: Integers) -> None:
    """Matches the unmatched rows of the allowed edges; among equal sums, prefers pairs with equal nested answers."""
    is_free = (alignment.partner[edges.left[allowed]] < 0) & (alignment.partner[edges.right[allowed]] < 0)
    allowed = allowed[is_free]
    left, right = edges.left[allowed], edges.right[allowed]
    nested = alignment.annotations.nested_hash
    weight = edges.similarity[allowed] + np.where(nested[left] == nested[right], _EQUAL_NESTED_BONUS, 0)
    chosen = assignment.max_weight_matching(edges.first[allowed], edges.second[allowed], weight)
    alignment.match(left[chosen], right[chosen], edges.similarity[allowed][chosen])


_EQUAL_NESTED_BONUS = 1e-11
