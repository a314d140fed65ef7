"""Polygons, regions, lines and points, by shapely.

Coordinates are taken as they stand: fractions of the image or page, degrees in geospatial projects (no projection, so
shapes far from the equator are as wide as they look on a plain map).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from pipelines.comparison.arrays import Flags, Floats, Shapes, overlap


def read(wkt: npt.ArrayLike) -> Shapes:
    """Shapes from WKT; null is empty."""
    shapes = np.asarray(shapely.from_wkt(np.asarray(wkt, dtype=object)), dtype=object)
    shapes[shapely.is_missing(shapes)] = shapely.Polygon()
    return shapes


def iou(left: Shapes, right: Shapes) -> Floats:
    """Area shared over area of both, holes and parts counted, pair by pair."""
    shared = shared_area(left, right)
    union = shapely.area(left) + shapely.area(right) - shared
    return overlap(shared, union, shapely.equals_exact(left, right, 0) & ~shapely.is_empty(left))


def shared_area(left: Shapes, right: Shapes) -> Floats:
    """Area that is in both, pair by pair."""
    return np.asarray(shapely.area(_each(shapely.intersection, left, right)))


def proximity(left: Shapes, right: Shapes) -> Floats:
    """How near points or lines are, pair by pair: 1 / (1 + Hausdorff distance). They have no area to share.

    Our own choice, only used to tell which was moved where: Kili documents no score for them.
    """
    return np.asarray(1 / (1 + shapely.hausdorff_distance(left, right)))


def are_boxes(shapes: Shapes) -> Flags:
    """Whether each shape is all there is in its bounds: an upright box."""
    bounds = shapely.bounds(shapes)
    whole = (bounds[:, 2] - bounds[:, 0]) * (bounds[:, 3] - bounds[:, 1])
    return np.asarray(np.abs(shapely.area(shapes) - whole) <= 1e-12 * np.abs(whole))


def are_same(left: Shapes, right: Shapes, is_line: Flags, tolerance: float) -> Flags:
    """Whether shapes lie within a tolerance of each other, pair by pair, however their region is written.

    Lines have a direction: a line drawn from its other end is another one. Regions may share all vertices and differ,
    so the area that is in one of them alone counts too.
    """
    same = np.asarray(shapely.equals_exact(left, right, tolerance))
    unsure = np.flatnonzero(~same & ~is_line)
    unsure = unsure[shapely.hausdorff_distance(left[unsure], right[unsure]) <= tolerance]
    a, b = left[unsure], right[unsure]
    difference = shapely.area(_each(shapely.symmetric_difference, a, b))
    same[unsure] = difference <= tolerance * (shapely.length(a) + shapely.length(b))
    return same


def _each(work: Callable[..., Any], *shapes: Shapes) -> Shapes:
    """What work gives for all shapes at once, or one by one if any fails: that one is empty then."""
    try:
        return np.asarray(work(*shapes), dtype=object)
    except shapely.GEOSException:
        return np.array([_one(work, *row) for row in zip(*shapes, strict=True)], dtype=object)


def _one(work: Callable[..., Any], *shapes: Any) -> Any:
    try:
        return work(*shapes)
    except shapely.GEOSException:
        return shapely.Polygon()
