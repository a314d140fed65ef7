"""Computes the region that rings outline, as valid WKT with bounds.

Rings follow the even-odd rule: a point is inside if an odd number of rings surrounds it. A ring in an outline is a
hole, and a ring in a hole is an island. The order and grouping of rings do not matter.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import shapely

from pipelines.kili.annotations import wkt
from pipelines.kili.annotations.wkt import Ring, Shape

Cycle = tuple[tuple[float, float], ...]

_AREA_DIMENSION: Final = 2
_MIN_VERTICES: Final = 3


@np.errstate(all="ignore")  # products of very large coordinates overflow
def region(polygons: Sequence[Sequence[Ring]], *, is_flat: bool) -> tuple[Shape, bool]:
    """Returns the region of polygons, each an outline with its holes, and whether its WKT holds the rings as drawn.

    A valid drawing keeps its rings: as POLYGON if `is_flat` (then there is one polygon), else as MULTIPOLYGON. An
    invalid drawing is rebuilt, unless its coordinates are too large for arithmetic.
    """
    drawn = wkt.polygon(polygons[0]) if is_flat else wkt.multipolygon(polygons)
    rings = [ring for polygon in polygons for ring in polygon]
    if len(rings) == 1 and _is_upright_box(rings[0]):
        return drawn, True
    try:
        if shapely.is_valid(shapely.from_wkt(drawn[0])):
            return drawn, True
        shape = shapely.normalize(_even_odd(rings))
    except shapely.GEOSException:
        return drawn, True
    if not np.isfinite(shapely.get_coordinates(shape)).all():
        return drawn, True
    bounds = (None,) * 4 if shape.is_empty else shape.bounds
    return (_wkt(shape), *bounds), False


def _is_upright_box(ring: Ring) -> bool:
    """Whether a ring goes around an upright box. Faster than shapely. `wkt_columns` does the same for many rings."""
    if len(ring) != 4:
        return False
    (a, b, c, d), (e, f, g, h) = ([vertex[axis] for vertex in ring] for axis in "xy")
    is_around = (a == b and c == d and e == h and f == g) or (a == d and b == c and e == f and g == h)
    return bool(is_around and a != c and e != g)


def _even_odd(rings: Sequence[Ring]) -> Any:
    """Returns the points inside an odd number of rings. If no ring has an area, returns their lines and points.

    Repeated rings count once. Rings are sorted first, so that the result does not depend on their order.
    """
    cycles = sorted({_cycle(ring) for ring in rings})
    vertices = [vertex for cycle in cycles for vertex in _padded(cycle)]
    lengths = [len(_padded(cycle)) for cycle in cycles]
    outlines = shapely.linearrings(vertices, indices=np.repeat(np.arange(len(cycles)), lengths))
    parts: Any = shapely.get_parts(shapely.get_parts(shapely.make_valid(shapely.polygons(outlines))))
    areas = list(parts[shapely.get_dimensions(parts) == _AREA_DIMENSION])
    if not areas:
        return shapely.union_all(parts)
    while len(areas) > 1:  # pairwise: with 1,000 rings, each vertex takes part in 10 operations instead of 1,000
        if len(areas) % 2:
            areas.append(shapely.Polygon())
        areas = list(shapely.symmetric_difference(areas[::2], areas[1::2]))
    return areas[0]


def _cycle(ring: Ring) -> Cycle:
    """Returns a ring's vertices in a form independent of start, direction and repeated consecutive vertices."""
    vertices = [(vertex["x"] + 0.0, vertex["y"] + 0.0) for vertex in ring]  # -0.0 becomes 0.0
    vertices = [vertex for vertex, last in zip(vertices, [None, *vertices], strict=False) if vertex != last]
    while len(vertices) > 1 and vertices[0] == vertices[-1]:
        del vertices[-1]
    return min(_least_rotation(vertices), _least_rotation(vertices[::-1]))


def _least_rotation(vertices: list[tuple[float, float]]) -> Cycle:
    """Returns the rotation of a list that sorts first, in linear time."""
    size = len(vertices)
    first, second, equal = 0, 1, 0
    while second < size and equal < size:
        left, right = vertices[(first + equal) % size], vertices[(second + equal) % size]
        if left == right:
            equal += 1
            continue
        if left > right:
            first, second = second, max(second, first + equal) + 1
        else:
            second += equal + 1
        equal = 0
    return (*vertices[first:], *vertices[:first])


def _padded(cycle: Cycle) -> Cycle:
    """Returns a ring with at least the three vertices that shapely requires."""
    return (*cycle, *cycle[-1:] * (_MIN_VERTICES - len(cycle)))


def _wkt(shape: Any) -> str:
    """Returns a shape as WKT. Reading its numbers back gives exactly the same values."""
    name = shape.geom_type.upper()
    return f"{name} EMPTY" if shape.is_empty else f"{name} {_content(shape)}"


def _content(shape: Any) -> str:
    if shape.geom_type == "GeometryCollection":
        return f"({', '.join(map(_wkt, shape.geoms))})"
    if shape.geom_type == "Polygon":
        return f"({', '.join(map(_content, [shape.exterior, *shape.interiors]))})"
    if hasattr(shape, "geoms"):
        return f"({', '.join(map(_content, shape.geoms))})"
    return f"({', '.join(f'{x!r} {y!r}' for x, y in shapely.get_coordinates(shape).tolist())})"
