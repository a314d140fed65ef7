"""Matches each annotation of the left label with one of the right label.

Annotations are aligned within their place: pair of labels, job, kind, frame, and the annotation they are nested
in, once that one has been aligned. Equal annotations are matched first: with equal nested answers, then without, then
equal within 1e-9. Overlap is one minus a metric (Jaccard's distance), so this loses no matching with a greater sum of
overlaps. Spans, areas, lines and points are then matched by overlap or proximity within a category, and the rest across
categories.
"""

from dataclasses import dataclass

import numpy as np
import shapely

from pipelines.comparison import assignment
from pipelines.comparison.arrays import Flags, Floats, Integers, Keys, hash_rows, overlap, sums
from pipelines.comparison.features import relations as relation_ends
from pipelines.comparison.features import table as of
from pipelines.comparison.features.table import AREA, LINE, NONE, SPAN, Items
from pipelines.comparison.measures import boxes, shapes, spans
from pipelines.comparison.measures.sheets import Sheets
from pipelines.comparison.method import Method

COORDINATE_TOLERANCE = 1e-9
"""Coordinates that differ by no more are the same."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """The partner of each annotation on the other side (row, or -1), their similarity 0 to 1, and its place.

    The similarity of areas and spans is their intersection over union. `ends` has a key of each relation's ends, -1 for
    other annotations.
    """

    items: Items
    partner: Integers
    similarity: Floats
    place: Keys
    ends: Integers

    def match(self, left: Integers, right: Integers, similarity: Floats | float = 1.0) -> None:
        """Records rows as partners."""
        self.partner[left], self.partner[right] = right, left
        self.similarity[left] = self.similarity[right] = similarity

    def free(self, rows: Integers) -> tuple[Integers, Integers]:
        """The rows without a partner, left and right."""
        rows = rows[self.partner[rows] < 0]
        return rows[self.items.side[rows] == of.LEFT], rows[self.items.side[rows] == of.RIGHT]


def align(items: Items, method: Method) -> Alignment:
    """Aligns the annotations of all pairs of a batch, one level of nesting after the other.

    Relations and their nested annotations come last, because relations are compared by the partners of their ends.
    """
    count = len(items)
    found = Alignment(
        items, np.full(count, -1), np.full(count, np.nan), np.zeros(count, dtype=np.uint64), np.full(count, -1)
    )
    for is_relational in (False, True):
        for depth in range(int(items.depth.max(initial=0)) + 1):
            is_next = (items.depth == depth) & (items.is_relational == is_relational)
            if is_next.any():
                _align_level(found, items.ordered[is_next[items.ordered]], method)
    return found


def _align_level(found: Alignment, rows: Integers, method: Method) -> None:
    """Aligns the rows of one depth. Their parents are aligned already."""
    items = found.items
    rows = rows[(items.parent[rows] < 0) | (found.partner[items.parent[rows]] >= 0)]
    found.place[rows] = _places(found, rows)
    rows = rows[np.argsort(items.whole[rows], kind="stable")]  # the order in the label has no effect
    relations = rows[items.kind[rows] == of.RELATION]
    if len(relations):
        found.ends[relations] = relation_ends.ends(items, relations, _identities(found))
    _match_equal(found, rows, items.whole)
    _match_equal(found, rows, items.own)
    _match_covering(found, rows, method)
    _match_single(found, rows)


def _identities(found: Alignment) -> Integers:
    """A number for each annotation, shared by partners.

    Exact duplicates in a label share it too, because their matching is arbitrary.
    """
    items = found.items
    _, said = np.unique(hash_rows(found.place, items.side, items.whole), return_inverse=True)
    paired = np.flatnonzero(found.partner >= 0)
    return assignment.joined(said[paired], said[found.partner[paired]], len(items))[said]


def _places(found: Alignment, rows: Integers) -> Keys:
    """The key of each row's place, equal on both sides; partners count as one parent."""
    items = found.items
    parent = items.parent[rows]
    parent = np.where(items.side[rows] == of.LEFT, parent, np.where(parent >= 0, found.partner[parent], -1))
    return hash_rows(items.pair[rows], parent, items.job[rows], items.kind[rows], items.frame[rows])


def _match_equal(found: Alignment, rows: Integers, said: Keys) -> None:
    left, right = found.free(rows)
    in_left, in_right = assignment.equal(
        *(hash_rows(found.place[some], said[some], found.ends[some]) for some in (left, right))
    )
    found.match(left[in_left], right[in_right])


def _match_covering(found: Alignment, rows: Integers, method: Method) -> None:
    """Matches spans, areas, lines and points by the greatest sum of similarities within a category, then across."""
    items = found.items
    rows = rows[items.cover[rows] != NONE]
    for is_across in (False, True):
        place = hash_rows(found.place, items.cover, *([] if is_across else [items.category]))
        for left, right in assignment.slices(*found.free(rows), place):
            edges = _edges(items, left, right, place, is_line_kept=not is_across)
            alike = np.flatnonzero(same_cover(items, edges.left, edges.right))
            edges.similarity[alike] = 1
            _match_best(found, edges, alike)
            allowed = edges.similarity > 0
            if is_across:
                allowed &= (edges.similarity >= method.relabel_iou) & (items.cover[edges.left] != LINE)
            _match_best(found, edges, np.flatnonzero(allowed))


def _match_single(found: Alignment, rows: Integers) -> None:
    """Matches categories, texts and relations if one is left over on each side."""
    items = found.items
    rows = rows[items.cover[rows] == NONE]
    relations = rows[items.kind[rows] == of.RELATION]
    told = rows[np.isin(items.kind[rows], _SINGLE)]
    for some, keys in (
        (relations, hash_rows(found.place, found.ends)),
        (relations, hash_rows(found.place, items.category)),
        (told, found.place),
    ):
        left, right = found.free(some)
        in_left, in_right = assignment.single(keys[left], keys[right])
        found.match(left[in_left], right[in_right], np.nan)


_SINGLE = (of.CLASSIFICATION, of.TRANSCRIPTION, of.COMPARISON, of.RANKING, of.FILE)


@dataclass(frozen=True, eq=False)
class _Edges:
    """Candidate pairs of rows. `first` and `second` number the rows in an order that depends on content alone."""

    first: Integers
    second: Integers
    left: Integers
    right: Integers
    similarity: Floats


def _edges(items: Items, left: Integers, right: Integers, place: Keys, *, is_line_kept: bool) -> _Edges:
    """Pairs of rows in one place that intersect on a page, with their similarity; lines and points need not, if asked.

    An annotation on several pages is a candidate on each of them, so a document with many pages has few candidates.
    """
    sheets = items.sheets
    (at_left, lefts), (at_right, rights) = sheets.of_rows(left), sheets.of_rows(right)
    on_left, on_right = (hash_rows(place[sheets.row[some]], sheets.page[some]) for some in (lefts, rights))
    found = [
        (at_left[i[touch]], at_right[j[touch]])
        for i, j in assignment.candidates(on_left, on_right)
        if (touch := _touching(items, lefts[i], rights[j], is_line_kept=is_line_kept)).any()
    ]
    first, second = (np.concatenate([np.empty(0, dtype=np.int64), *(pair[side] for pair in found)]) for side in (0, 1))
    if sheets.is_several.any():  # a pair may touch on several pages
        first, second = np.divmod(np.unique(first * len(right) + second), len(right))
    return _Edges(first, second, left[first], right[second], similarity(items, left[first], right[second]))


def _touching(items: Items, left: Integers, right: Integers, *, is_line_kept: bool) -> Flags:
    """Whether sheets on the same page intersect, row by row."""
    row, bounds = items.sheets.row, items.sheets.bounds
    cover = items.cover[row[left]]
    touch = boxes.intersects(bounds[left], bounds[right], COORDINATE_TOLERANCE) | ((cover == LINE) & is_line_kept)
    by_span = np.flatnonzero(cover == SPAN)
    touch[by_span] = spans.intersects(items.span[row[left[by_span]]], items.span[row[right[by_span]]])
    return touch


def similarity(items: Items, left: Integers, right: Integers) -> Floats:
    """Intersection over union of spans and areas, proximity of lines and points, for rows that share a page."""
    found = np.zeros(len(left))
    cover = items.cover[left]
    by_span = cover == SPAN
    found[by_span] = spans.iou(items.span[left[by_span]], items.span[right[by_span]])
    is_several = items.sheets.is_several[left] | items.sheets.is_several[right]
    if is_several.any():
        by_page = np.flatnonzero(is_several & ~by_span)
        found[by_page] = _iou_by_page(items.sheets, left[by_page], right[by_page])
    drawn = np.flatnonzero((cover >= AREA) & ~is_several)
    rows, where = np.unique(np.concatenate([left[drawn], right[drawn]]), return_inverse=True)
    drawings = items.sheets.shapes(rows)
    first, second = where[: len(drawn)], where[len(drawn) :]
    is_box = shapes.are_boxes(drawings)
    is_line = cover[drawn] == LINE
    both = is_box[first] & is_box[second] & ~is_line
    rest = ~both & ~is_line
    bounds = items.sheets.bounds[rows]
    found[drawn[both]] = boxes.iou(bounds[first[both]], bounds[second[both]])
    found[drawn[rest]] = shapes.iou(drawings[first[rest]], drawings[second[rest]])
    found[drawn[is_line]] = shapes.proximity(drawings[first[is_line]], drawings[second[is_line]])
    return found


def _iou_by_page(sheets: Sheets, left: Integers, right: Integers) -> Floats:
    """Shared area over the area of both, summed over all pages, row by row. Pages of one side add to the union."""
    at, lefts, rights = sheets.facing(left, right)
    shared = sums(at, shapes.shared_area(sheets.shapes(lefts), sheets.shapes(rights)), len(left))
    areas = [sums(at, shapely.area(sheets.shapes(some)), len(left)) for at, some in map(sheets.of_rows, (left, right))]
    return overlap(shared, sum(areas) - shared, sheets.whole[left] == sheets.whole[right])


def same_cover(items: Items, left: Integers, right: Integers) -> Flags:
    """Whether rows cover the same span and, on the same pages, the same coordinates within 1e-9; row by row."""
    sheets = items.sheets
    same = (items.span[left] == items.span[right]).all(axis=1) & (sheets.page[left] == sheets.page[right])
    unsure = np.flatnonzero(same & (sheets.whole[left] != sheets.whole[right]))
    is_several = sheets.is_several[left[unsure]] | sheets.is_several[right[unsure]]
    alone, several = unsure[~is_several], unsure[is_several]
    same[alone] = _same_sheets(items, left[alone], right[alone])
    if len(several):
        at, lefts, rights = sheets.facing(left[several], right[several])
        page_count = np.bincount(at[_same_sheets(items, lefts, rights)], minlength=len(several))
        same[several] = page_count == np.maximum(sheets.count[left[several]], sheets.count[right[several]])
    return same


def _same_sheets(items: Items, left: Integers, right: Integers) -> Flags:
    """Whether sheets on the same page have the same coordinates within 1e-9; row by row."""
    sheets = items.sheets
    same = sheets.shape[left] == sheets.shape[right]
    unsure = np.flatnonzero(~same & boxes.are_same(sheets.bounds[left], sheets.bounds[right], COORDINATE_TOLERANCE))
    a, b = sheets.shapes(left[unsure]), sheets.shapes(right[unsure])
    is_line = items.cover[sheets.row[left[unsure]]] == LINE
    both_boxes = ~is_line & shapes.are_boxes(a) & shapes.are_boxes(b)
    same[unsure] = both_boxes | shapes.are_same(a, b, is_line, COORDINATE_TOLERANCE)
    return same


def _match_best(found: Alignment, edges: _Edges, allowed: Integers) -> None:
    """Matches free rows by the allowed edges. Of equal sums, the matching with equal nested answers wins."""
    is_free = (found.partner[edges.left[allowed]] < 0) & (found.partner[edges.right[allowed]] < 0)
    allowed = allowed[is_free]
    left, right = edges.left[allowed], edges.right[allowed]
    is_same_below = found.items.nested[left] == found.items.nested[right]
    weight = edges.similarity[allowed] + np.where(is_same_below, _SAME_BELOW, 0)
    chosen = assignment.best(edges.first[allowed], edges.second[allowed], weight)
    found.match(left[chosen], right[chosen], edges.similarity[allowed][chosen])


_SAME_BELOW = 1e-11
