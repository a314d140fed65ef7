"""Compared pairs of labels per second, relative to direct calls of libraries that overlap boxes and shapes.

Both get the same boxes or polygons of the same pairs and run in turn in this process. Ours does all of it: matches
within and across classes, scores, tells edits apart, builds tables. The reference only overlaps everything with
everything of the same pair and solves the assignment.
"""

import time
from collections.abc import Callable
from typing import Final

import numpy as np
import pyarrow as pa
import shapely
from pycocotools import mask
from scipy.optimize import linear_sum_assignment

from pipelines.comparison import compare
from pipelines.comparison.features import table
from pipelines.comparison.method import Method

_PAIRS: Final = 1_000
_OBJECTS: Final = 20
_CORNERS: Final = 12
_UNTOUCHED: Final = 0.7
"""Share of the objects that a reviewer leaves unchanged."""

Shapes = list[tuple[np.ndarray, np.ndarray]]


def rows() -> list[tuple[str, ...]]:
    """A heading, and a row for each kind of object: pairs a second of CPU, ours and the reference's, and the ratio."""
    return [
        ("compared", "reference", "ours, pairs/s", "reference, pairs/s", "ours / reference, CPU"),
        _row("boxes", _boxes(), "rectangle", _pycocotools, "pycocotools"),
        _row("polygons", _polygons(), "polygon", _shapely, "shapely"),
    ]


def _row(what: str, shapes: Shapes, tool: str, reference: Callable[[Shapes], float], name: str) -> tuple[str, ...]:
    annotations, named, keys = _batch(shapes, tool)
    ours, theirs = [], []
    for _ in range(3):
        ours.append(_seconds(lambda: compare.compare(annotations, named, keys, Method())))
        theirs.append(_seconds(lambda: reference(shapes)))
    mine, other = sorted(ours)[1], sorted(theirs)[1]
    what = f"{_PAIRS:,} pairs of {_OBJECTS} {what}"
    return what, name, f"{_PAIRS / mine:,.0f}", f"{_PAIRS / other:,.0f}", f"{mine / other:.2f}"


def _seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def _boxes() -> Shapes:
    """For each pair the outlines of both sides, (objects, corners, 2)."""
    chance = np.random.default_rng(1)
    found = []
    for _ in range(_PAIRS):
        at = chance.random((_OBJECTS, 2)) * 0.8
        size = 0.02 + chance.random((_OBJECTS, 2)) * 0.18
        moved = chance.normal(0, 0.01, (_OBJECTS, 2)) * (chance.random((_OBJECTS, 1)) > _UNTOUCHED)
        found.append((_rectangles(at, size), _rectangles(at + moved, size)))
    return found


def _rectangles(at: np.ndarray, size: np.ndarray) -> np.ndarray:
    return np.stack([at, at + size * [1, 0], at + size, at + size * [0, 1]], axis=1)


def _polygons() -> Shapes:
    chance = np.random.default_rng(2)
    angles = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    found = []
    for _ in range(_PAIRS):
        centre, radius = chance.random((_OBJECTS, 1, 2)), 0.02 + chance.random((_OBJECTS, _CORNERS, 1)) * 0.08
        left = centre + radius * ring
        moved = chance.normal(0, 0.01, (_OBJECTS, 1, 2)) * (chance.random((_OBJECTS, 1, 1)) > _UNTOUCHED)
        found.append((left, left + moved))
    return found


def _batch(shapes: Shapes, tool: str) -> tuple[pa.Table, pa.Table, pa.Array]:
    outlines = np.concatenate([side for pair in shapes for side in pair])
    count = len(outlines)
    columns: dict[str, object] = {name: pa.nulls(count, kind) for name, kind in _TYPES.items()}
    columns |= {
        "pair": np.repeat(np.arange(_PAIRS), 2 * _OBJECTS),
        "side": np.tile(np.repeat([0, 1], _OBJECTS), _PAIRS),
        "annotation_key": [str(number) for number in range(count)],
        "job_name": ["OBJECTS"] * count,
        "kind": ["object"] * count,
        "tool": [tool] * count,
        "category": np.tile(np.resize(["CAR", "BUS", "BIKE"], _OBJECTS), 2 * _PAIRS),
        "geometry": shapely.to_wkt(shapely.polygons(outlines), rounding_precision=-1),
        "x_min": outlines[:, :, 0].min(axis=1),
        "y_min": outlines[:, :, 1].min(axis=1),
        "x_max": outlines[:, :, 0].max(axis=1),
        "y_max": outlines[:, :, 1].max(axis=1),
    }
    named = pa.table({"pair": pa.array([], pa.int64()), "job_name": pa.array([], pa.string())})
    return pa.table(columns), named, pa.array([str(number) for number in range(_PAIRS)])


_TYPES: Final = {
    **dict.fromkeys(table.COLUMNS, pa.string()),
    **dict.fromkeys(("begin_offset", "end_offset", "frame", "page_number"), pa.int64()),
    "is_key_frame": pa.bool_(),
}


def _pycocotools(shapes: Shapes) -> float:
    total = 0.0
    for pair in shapes:
        left, right = (np.concatenate([o.min(axis=1), o.max(axis=1) - o.min(axis=1)], axis=1) for o in pair)
        overlap = mask.iou(left, right, [0] * _OBJECTS)
        total += overlap[linear_sum_assignment(overlap, maximize=True)].sum()
    return total


def _shapely(shapes: Shapes) -> float:
    total = 0.0
    for pair in shapes:
        left, right = (shapely.polygons(outlines) for outlines in pair)
        shared = shapely.area(shapely.intersection(left[:, None], right))
        overlap = shared / (shapely.area(left)[:, None] + shapely.area(right) - shared)
        total += overlap[linear_sum_assignment(overlap, maximize=True)].sum()
    return total
