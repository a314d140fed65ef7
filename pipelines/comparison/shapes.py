"""Polygons, regions, lines and points, by shapely.

Coordinates are taken as they stand: fractions of the image or page, degrees in geospatial projects (no projection, so
shapes far from the equator are as wide as they look on a plain map).
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from pipelines.comparison.arrays import Flags, Floats, Shapes

_GRID = 1e-9


def read(wkt: npt.ArrayLike) -> Shapes:
    """Shapes from WKT; outlines that cross themselves are mended, so that they have an area."""
    shapes = np.asarray(shapely.from_wkt(np.asarray(wkt, dtype=object)), dtype=object)
    is_broken = ~shapely.is_valid(shapes)
    shapes[is_broken] = shapely.make_valid(shapes[is_broken])
    return shapes


def iou(left: Shapes, right: Shapes) -> Floats:
    """Area shared over area of both, holes and parts counted, pair by pair. 1 where equal shapes have no area."""
    shared = shapely.area(_intersection(left, right))
    union = shapely.area(left) + shapely.area(right) - shared
    same = shapely.equals_exact(left, right, 0).astype(float)
    return np.divide(shared, union, out=same, where=union > 0)


def nearness(left: Shapes, right: Shapes) -> Floats:
    """How near points or lines are, pair by pair: 1 / (1 + Hausdorff distance). They have no area to share.

    Our own choice, only used to tell which was moved where: Kili documents no score for them.
    """
    return np.asarray(1 / (1 + shapely.hausdorff_distance(left, right)))


def are_boxes(shapes: Shapes) -> Flags:
    """Whether each shape is all there is in its bounds: an upright box."""
    bounds = shapely.bounds(shapes)
    whole = (bounds[:, 2] - bounds[:, 0]) * (bounds[:, 3] - bounds[:, 1])
    return np.asarray(np.abs(shapely.area(shapes) - whole) <= 1e-12 * np.abs(whole))


def are_same(left: Shapes, right: Shapes, tolerance: float) -> Flags:
    """Whether shapes have the same coordinates within a tolerance, pair by pair, wherever an outline starts.

    Lines have a direction: a line drawn from its other end is another one.
    """
    with_area = shapely.get_dimensions(left) == 2
    same = np.asarray(shapely.equals_exact(left, right, tolerance))
    unsure = with_area & ~same
    same[unsure] = shapely.equals_exact(shapely.normalize(left[unsure]), shapely.normalize(right[unsure]), tolerance)
    return same


def _intersection(left: Shapes, right: Shapes) -> Any:
    """The shapes' intersections; on a grid of 1e-9 where their edges are too close for floating point."""
    try:
        return shapely.intersection(left, right)
    except shapely.GEOSException:
        return shapely.intersection(left, right, grid_size=_GRID)
