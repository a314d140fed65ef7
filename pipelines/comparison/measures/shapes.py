"""Polygons, regions, lines and points: overlap and equality by shapely.

Coordinates are taken as they are: fractions of the image or page, or degrees in geospatial projects. There is no
projection, so shapes far from the equator are as wide as on a plain map.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from pipelines.comparison.arrays import Flags, Floats, Shapes, intersection_over_union


def read(wkt: npt.ArrayLike) -> Shapes:
    """Shapes from WKT; an empty polygon for null."""
    shapes = np.asarray(shapely.from_wkt(np.asarray(wkt, dtype=object)), dtype=object)
    shapes[shapely.is_missing(shapes)] = shapely.Polygon()
    return shapes


def iou(left: Shapes, right: Shapes) -> Floats:
    """Intersection over union of areas, row by row; holes are left out and all parts counted."""
    shared = shared_area(left, right)
    union = shapely.area(left) + shapely.area(right) - shared
    return intersection_over_union(shared, union, shapely.equals_exact(left, right, 0) & ~shapely.is_empty(left))


def shared_area(left: Shapes, right: Shapes) -> Floats:
    """Area of the intersection, row by row."""
    return np.asarray(shapely.area(_apply(shapely.intersection, left, right)))


def proximity(left: Shapes, right: Shapes) -> Floats:
    """How near points or lines are, row by row, 0 to 1: 1 / (1 + Hausdorff distance). They have no area to share.

    Our choice, used only to match annotations: Kili documents no score for points and lines.
    """
    return np.asarray(1 / (1 + shapely.hausdorff_distance(left, right)))


def are_boxes(shapes: Shapes) -> Flags:
    """Whether each shape fills its bounds, so that it is an axis-aligned box."""
    bounds = shapely.bounds(shapes)
    bounds_area = (bounds[:, 2] - bounds[:, 0]) * (bounds[:, 3] - bounds[:, 1])
    return np.asarray(np.abs(shapely.area(shapes) - bounds_area) <= 1e-12 * np.abs(bounds_area))


def are_same(left: Shapes, right: Shapes, is_line: Flags, tolerance: float) -> Flags:
    """Whether shapes are the same within a tolerance, row by row, in whatever order a region's parts are written.

    Lines have a direction: a line drawn from its other end is a different line. Different regions may have the same
    vertices, so the area of the symmetric difference must be small too.
    """
    same = np.asarray(shapely.equals_exact(left, right, tolerance))
    undecided = np.flatnonzero(~same & ~is_line)
    undecided = undecided[shapely.hausdorff_distance(left[undecided], right[undecided]) <= tolerance]
    lefts, rights = left[undecided], right[undecided]
    difference = shapely.area(_apply(shapely.symmetric_difference, lefts, rights))
    same[undecided] = difference <= tolerance * (shapely.length(lefts) + shapely.length(rights))
    return same


def _apply(operation: Callable[..., Any], *shapes: Shapes) -> Shapes:
    """The results of an operation on all rows at once. If a row fails, all run singly and that row's is empty."""
    try:
        return np.asarray(operation(*shapes), dtype=object)
    except shapely.GEOSException:
        return np.array([_apply_to_row(operation, *row) for row in zip(*shapes, strict=True)], dtype=object)


def _apply_to_row(operation: Callable[..., Any], *shapes: Any) -> Any:
    try:
        return operation(*shapes)
    except shapely.GEOSException:
        return shapely.Polygon()
