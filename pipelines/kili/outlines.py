"""Many outlines at once as WKT and bounds, in columns: the same that `geometry` writes one at a time."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def columns(x: np.ndarray, y: np.ndarray, sizes: np.ndarray, is_rectangle: np.ndarray) -> dict[str, Any]:
    """Columns `geometry`, `x_min`, `y_min`, `x_max` and `y_max` of rings.

    `x` and `y`: the vertices of all rings, one ring after the other; `sizes`: the vertices of each, three or more;
    `is_rectangle`: which are rectangles, whose four vertices are put in order around them.
    """
    starts = np.cumsum(sizes) - sizes
    _uncross(x, y, starts[is_rectangle & (sizes == 4)])
    bounds = {f"{name}_min": np.minimum.reduceat(values, starts) for name, values in (("x", x), ("y", y))}
    bounds |= {f"{name}_max": np.maximum.reduceat(values, starts) for name, values in (("x", x), ("y", y))}
    vertices = pc.binary_join_element_wise(_numbers(x), _numbers(y), " ")
    lines = pc.binary_join(_closed(vertices, x, y, starts, sizes), ", ")
    geometry = pc.binary_join_element_wise("POLYGON ((", lines, "))", "")
    return {"geometry": geometry, **{name: pa.array(values) for name, values in bounds.items()}}


def _uncross(x: np.ndarray, y: np.ndarray, starts: np.ndarray) -> None:
    """Puts the vertices of boxes in an order in which no edges cross, in place."""
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
    """Whether the segments p-q and r-s cross; each is an array of x and of y."""
    is_across: np.ndarray = (_side(p, q, r) * _side(p, q, s) < 0) & (_side(r, s, p) * _side(r, s, q) < 0)
    return is_across


def _side(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> np.ndarray:
    side: np.ndarray = (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])
    return side


def _closed(vertices: pa.Array, x: np.ndarray, y: np.ndarray, starts: np.ndarray, sizes: np.ndarray) -> pa.Array:
    """The vertices of each ring, in lists that end where they start."""
    last = starts + sizes - 1
    is_closed = (sizes > 3) & (x[starts] == x[last]) & (y[starts] == y[last])
    ends = np.cumsum(sizes + ~is_closed)
    at = np.arange(ends[-1]) - np.repeat(np.cumsum(~is_closed) - ~is_closed, sizes + ~is_closed)
    at[ends[~is_closed] - 1] = starts[~is_closed]
    return pa.ListArray.from_arrays(pa.array(np.append(0, ends), pa.int32()), vertices.take(pa.array(at)))


def _numbers(values: np.ndarray) -> pa.Array:
    """Numbers as Python writes them; of a run of the same number, as sides of boxes give, one is written."""
    bits = values.view(np.int64)
    is_new = np.append(True, bits[1:] != bits[:-1])
    numbers = values[is_new]
    size = np.abs(numbers)
    is_other = (size < 1e-4) | (size >= 1e7) | (numbers == np.rint(numbers))  # Arrow, much faster, writes them its way
    others = pa.array([repr(number) for number in numbers[is_other].tolist()], pa.string())
    texts = pc.replace_with_mask(pa.array(numbers).cast(pa.string()), pa.array(is_other), others)
    return texts.take(pa.array(np.cumsum(is_new) - 1))
