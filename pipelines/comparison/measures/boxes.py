"""Axis-aligned boxes: overlap and equality in plain arithmetic."""

import numpy as np

from pipelines.comparison.arrays import Flags, Floats, intersection_over_union


def iou(left: Floats, right: Floats) -> Floats:
    """Intersection over union of boxes, row by row.

    Both are (n, 4): x_min, y_min, x_max, y_max, in any common unit. Geospatial boxes are taken in degrees, without
    projection. Equal boxes have 1, even with no area. Kili's server gives the same numbers to 1e-6 (format page, 3.2).
    """
    sides = np.minimum(left[:, 2:], right[:, 2:]) - np.maximum(left[:, :2], right[:, :2])
    shared = np.prod(np.clip(sides, 0, None), axis=1)
    union = area(left) + area(right) - shared
    return intersection_over_union(shared, union, (left == right).all(axis=1))


def area(boxes: Floats) -> Floats:
    """Areas of boxes, (n, 4) as in `iou`."""
    return np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)


def intersects(left: Floats, right: Floats, tolerance: float) -> Flags:
    """Whether boxes, row by row, have a point in common or are closer than a tolerance."""
    return np.asarray(
        ((left[:, :2] <= right[:, 2:] + tolerance) & (right[:, :2] <= left[:, 2:] + tolerance)).all(axis=1)
    )


def are_same(left: Floats, right: Floats, tolerance: float) -> Flags:
    """Whether boxes, row by row, have the same corners within a tolerance."""
    return np.asarray((np.abs(left - right) <= tolerance).all(axis=1))
