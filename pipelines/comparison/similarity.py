"""Similarity of the extents of annotations: spans and areas by IoU, lines and points by proximity."""

import numpy as np
import shapely

from pipelines.comparison.arrays import Flags, Floats, Integers, group_sums, intersection_over_union
from pipelines.comparison.features.table import AREA, LINE, SPAN, AnnotationTable
from pipelines.comparison.measures import boxes, shapes, spans
from pipelines.comparison.measures.page_shapes import PageShapes

COORDINATE_TOLERANCE = 1e-9
"""The greatest difference of coordinates that count as the same."""


def similarity(annotations: AnnotationTable, left: Integers, right: Integers) -> Floats:
    """IoU of spans and areas, proximity of lines and points, 0 to 1, row by row. Each pair shares a page and extent."""
    result = np.zeros(len(left))
    page_shapes, extent = annotations.page_shapes, annotations.extent[left]
    is_span = extent == SPAN
    result[is_span] = spans.iou(annotations.span[left[is_span]], annotations.span[right[is_span]])
    is_several = page_shapes.is_on_several_pages[left] | page_shapes.is_on_several_pages[right]
    if is_several.any():
        several = np.flatnonzero(is_several & ~is_span)
        result[several] = _iou_of_all_pages(page_shapes, left[several], right[several])
    drawn = np.flatnonzero((extent >= AREA) & ~is_several)
    rows, position = np.unique(np.concatenate([left[drawn], right[drawn]]), return_inverse=True)
    geometries = page_shapes.geometries(rows)
    first, second = position[: len(drawn)], position[len(drawn) :]
    is_box = shapes.are_boxes(geometries)
    is_line = extent[drawn] == LINE
    both_boxes = is_box[first] & is_box[second] & ~is_line
    others = ~both_boxes & ~is_line
    bounds = page_shapes.bounds[rows]
    result[drawn[both_boxes]] = boxes.iou(bounds[first[both_boxes]], bounds[second[both_boxes]])
    result[drawn[others]] = shapes.iou(geometries[first[others]], geometries[second[others]])
    result[drawn[is_line]] = shapes.proximity(geometries[first[is_line]], geometries[second[is_line]])
    return result


def _iou_of_all_pages(page_shapes: PageShapes, left: Integers, right: Integers) -> Floats:
    """Shared area of all pages over area of the union of all pages, row by row.

    A page that only one side has adds to the union.
    """
    pair, lefts, rights = page_shapes.on_same_page(left, right)
    shared_areas = shapes.shared_area(page_shapes.geometries(lefts), page_shapes.geometries(rights))
    shared = group_sums(pair, shared_areas, len(left))
    areas = [
        group_sums(position, shapely.area(page_shapes.geometries(numbers)), len(left))
        for position, numbers in map(page_shapes.of_annotations, (left, right))
    ]
    is_same = page_shapes.full_hash[left] == page_shapes.full_hash[right]
    return intersection_over_union(shared, sum(areas) - shared, is_same)


def intersects(annotations: AnnotationTable, left: Integers, right: Integers, *, all_lines: bool) -> Flags:
    """Whether page shapes on the same page intersect, row by row. With `all_lines`, lines and points always do."""
    row, bounds = annotations.page_shapes.row, annotations.page_shapes.bounds
    extent = annotations.extent[row[left]]
    result = boxes.intersects(bounds[left], bounds[right], COORDINATE_TOLERANCE) | ((extent == LINE) & all_lines)
    is_span = np.flatnonzero(extent == SPAN)
    left_span, right_span = annotations.span[row[left[is_span]]], annotations.span[row[right[is_span]]]
    result[is_span] = spans.intersects(left_span, right_span)
    return result


def same_extent(annotations: AnnotationTable, left: Integers, right: Integers) -> Flags:
    """Whether rows have the same span and, on the same pages, the same coordinates within 1e-9; row by row."""
    page_shapes = annotations.page_shapes
    same = (annotations.span[left] == annotations.span[right]).all(axis=1)
    same &= page_shapes.page[left] == page_shapes.page[right]
    undecided = np.flatnonzero(same & (page_shapes.full_hash[left] != page_shapes.full_hash[right]))
    is_on_several_pages = page_shapes.is_on_several_pages
    is_several = is_on_several_pages[left[undecided]] | is_on_several_pages[right[undecided]]
    single, several = undecided[~is_several], undecided[is_several]
    same[single] = _same_page_shape(annotations, left[single], right[single])
    if len(several):
        pair, lefts, rights = page_shapes.on_same_page(left[several], right[several])
        same_pages = np.bincount(pair[_same_page_shape(annotations, lefts, rights)], minlength=len(several))
        page_count = page_shapes.page_count
        same[several] = same_pages == np.maximum(page_count[left[several]], page_count[right[several]])
    return same


def _same_page_shape(annotations: AnnotationTable, left: Integers, right: Integers) -> Flags:
    """Whether page shapes on the same page have the same coordinates within 1e-9; row by row."""
    page_shapes = annotations.page_shapes
    bounds = page_shapes.bounds
    same = page_shapes.shape_hash[left] == page_shapes.shape_hash[right]
    undecided = np.flatnonzero(~same & boxes.are_same(bounds[left], bounds[right], COORDINATE_TOLERANCE))
    lefts, rights = page_shapes.geometries(left[undecided]), page_shapes.geometries(right[undecided])
    is_line = annotations.extent[page_shapes.row[left[undecided]]] == LINE
    both_boxes = ~is_line & shapes.are_boxes(lefts) & shapes.are_boxes(rights)
    same[undecided] = both_boxes | shapes.are_same(lefts, rights, is_line, COORDINATE_TOLERANCE)
    return same
