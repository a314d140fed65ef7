"""Converts many outlines at once to columns of WKT and bounds. The results equal those of `wkt`."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely


def shape_columns(
    x: np.ndarray, y: np.ndarray, sizes: np.ndarray, is_rectangle: np.ndarray
) -> tuple[dict[str, Any], np.ndarray]:
    """Returns columns `geometry`, `x_min`, `y_min`, `x_max` and `y_max` of rings, and a mask of the invalid outlines.

    `x` and `y`: the coordinates of all vertices, ring after ring; `sizes`: the number of vertices of each ring, at
    least three; `is_rectangle`: mask of the rectangles, whose four vertices are put in the order around them.
    """
    starts = np.cumsum(sizes) - sizes
    _uncross(x, y, starts[is_rectangle & (sizes == 4)])
    bounds = {f"{name}_min": np.minimum.reduceat(values, starts) for name, values in (("x", x), ("y", y))}
    bounds |= {f"{name}_max": np.maximum.reduceat(values, starts) for name, values in (("x", x), ("y", y))}
    vertices = pc.binary_join_element_wise(_numbers(x), _numbers(y), " ")
    at, ends = _closed(x, y, starts, sizes)
    lines = pc.binary_join(pa.ListArray.from_arrays(pa.array(ends, pa.int32()), vertices.take(pa.array(at))), ", ")
    geometry = pc.binary_join_element_wise("POLYGON ((", lines, "))", "")
    columns = {"geometry": geometry, **{name: pa.array(bounds[name]) for name in ("x_min", "y_min", "x_max", "y_max")}}
    invalid = ~_are_upright_boxes(x, y, starts, sizes)
    invalid[invalid] = _are_invalid(x, y, at, np.diff(ends), invalid)
    return columns, invalid


def _uncross(x: np.ndarray, y: np.ndarray, starts: np.ndarray) -> None:
    """Reorders the vertices of boxes in place, so that no edges cross."""
    corners = starts[:, None] + np.arange(4)
    a, b, c, d = np.stack([x[corners], y[corners]]).transpose(2, 0, 1)
    is_first = _cross(b, c, d, a)
    is_second = _cross(a, b, c, d) & ~is_first
    for is_crossed, order in ((is_first, [0, 1, 3, 2]), (is_second, [0, 2, 1, 3])):
        if is_crossed.any():
            crossed = corners[is_crossed]
            for values in (x, y):
                values[crossed] = values[crossed[:, order]]


def _cross(p: np.ndarray, q: np.ndarray, r: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Returns whether the segments p-q and r-s cross. Each point is an array of x and an array of y."""
    is_across: np.ndarray = (_side(p, q, r) * _side(p, q, s) < 0) & (_side(r, s, p) * _side(r, s, q) < 0)
    return is_across


def _side(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> np.ndarray:
    side: np.ndarray = (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])
    return side


def _are_upright_boxes(x: np.ndarray, y: np.ndarray, starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Returns which rings go around upright boxes. Faster than shapely. `areas` does the same for one ring."""
    is_box = sizes == 4
    corners = starts[is_box][:, None] + np.arange(4)
    (a, b, c, d), (e, f, g, h) = x[corners].T, y[corners].T
    is_around = ((a == b) & (c == d) & (e == h) & (f == g)) | ((a == d) & (b == c) & (e == f) & (g == h))
    is_box[is_box] = is_around & (a != c) & (e != g)
    return np.asarray(is_box)


def _are_invalid(x: np.ndarray, y: np.ndarray, at: np.ndarray, lengths: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Returns which of the selected rings cross themselves or have no area.

    `at` and `lengths`: the vertices of all closed rings, as `_closed` returns them; `which`: mask of the selection.
    """
    at = at[np.repeat(which, lengths)]
    rings = shapely.linearrings(x[at], y[at], indices=np.repeat(np.arange(which.sum()), lengths[which]))
    is_invalid: np.ndarray = ~shapely.is_valid(shapely.polygons(rings))
    return is_invalid


def _closed(x: np.ndarray, y: np.ndarray, starts: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the indices of the vertices of closed rings, and the offsets of the rings in these indices."""
    last = starts + sizes - 1
    is_closed = (sizes > 3) & (x[starts] == x[last]) & (y[starts] == y[last])
    ends = np.cumsum(sizes + ~is_closed)
    at = np.arange(ends[-1]) - np.repeat(np.cumsum(~is_closed) - ~is_closed, sizes + ~is_closed)
    at[ends[~is_closed] - 1] = starts[~is_closed]
    return at, np.append(0, ends)


def _numbers(values: np.ndarray) -> pa.Array:
    """Returns numbers as text, as Python's `repr`. Equal consecutive numbers, as in boxes, are converted once."""
    bits = values.view(np.int64)
    is_new = np.append(True, bits[1:] != bits[:-1])
    numbers = values[is_new]
    size = np.abs(numbers)
    is_other = (size < 1e-4) | (size >= 1e7) | (numbers == np.rint(numbers))  # Arrow, much faster, differs from repr
    others = pa.array([repr(number) for number in numbers[is_other].tolist()], pa.string())
    texts = pc.replace_with_mask(pa.array(numbers).cast(pa.string()), pa.array(is_other), others)
    return texts.take(pa.array(np.cumsum(is_new) - 1))
