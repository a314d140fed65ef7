"""Converts Kili's vertices to WKT in the coordinates of the export: normalised, or degrees in geospatial projects.

Reading the numbers back gives exactly the same values.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

Vertex = Mapping[str, Any]
Ring = Sequence[Vertex]
Shape = tuple[str, float | None, float | None, float | None, float | None]
"""WKT and bounds: x_min, y_min, x_max, y_max; null for an empty shape."""

_EXACT: Final = 2**53


def point(vertex: Vertex) -> Shape:
    """Returns the shape of a marker."""
    return f"POINT ({_text(vertex)})", vertex["x"], vertex["y"], vertex["x"], vertex["y"]


def points(vertices: Sequence[Vertex]) -> Shape:
    """Returns the shape of a pose."""
    return f"MULTIPOINT ({_line(vertices)})", *_bounds(vertices)


def line(vertices: Sequence[Vertex]) -> Shape:
    """Returns the shape of a polyline or vector in its drawing direction. A single vertex gives a point."""
    if len(vertices) == 1:
        return point(vertices[0])
    return f"LINESTRING ({_line(vertices)})", *_bounds(vertices)


def polygon(rings: Sequence[Ring]) -> Shape:
    """Returns the shape of an outline and its holes."""
    return f"POLYGON ({_rings(rings)})", *_bounds(vertex for ring in rings for vertex in ring)


def multipolygon(parts: Sequence[Sequence[Ring]]) -> Shape:
    """Returns the shape of one or more parts, each an outline and its holes."""
    text = ", ".join([f"({_rings(rings)})" for rings in parts])
    return f"MULTIPOLYGON ({text})", *_bounds(vertex for rings in parts for ring in rings for vertex in ring)


def uncrossed(ring: Ring) -> Ring:
    """Returns a rectangle's vertices in the order around it. On PDF pages Kili lists them in Z order."""
    if len(ring) != 4:
        return ring
    a, b, c, d = ring
    if _cross(b, c, d, a):
        return [a, b, d, c]
    if _cross(a, b, c, d):
        return [a, c, b, d]
    return ring


def _text(vertex: Vertex) -> str:
    return f"{_number(vertex['x'])} {_number(vertex['y'])}"


def _number(value: object) -> float:
    """Returns a coordinate as a float, so that 0 and 0.0 give the same text."""
    if type(value) is float or (type(value) is int and -_EXACT <= value <= _EXACT):
        return float(value)
    raise TypeError(f"a coordinate is a number, not {value!r}")


def _line(vertices: Iterable[Vertex]) -> str:
    return ", ".join([_text(vertex) for vertex in vertices])


def _rings(rings: Sequence[Ring]) -> str:
    return ", ".join([f"({_line(_closed(ring))})" for ring in rings])


def _closed(ring: Ring) -> Ring:
    """Returns a ring that ends with its first vertex. WKT requires four vertices, so shorter rings repeat the last."""
    vertices = [*ring, *[ring[-1]] * (3 - len(ring))]
    return vertices if len(vertices) > 3 and vertices[0] == vertices[-1] else [*vertices, vertices[0]]


def _bounds(vertices: Iterable[Vertex]) -> tuple[float, float, float, float]:
    xs, ys = zip(*[(vertex["x"], vertex["y"]) for vertex in vertices], strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _cross(p: Vertex, q: Vertex, r: Vertex, s: Vertex) -> bool:
    """Whether the segments p-q and r-s cross."""
    return _side(p, q, r) * _side(p, q, s) < 0 and _side(r, s, p) * _side(r, s, q) < 0


def _side(p: Vertex, q: Vertex, r: Vertex) -> float:
    side: float = (q["x"] - p["x"]) * (r["y"] - p["y"]) - (q["y"] - p["y"]) * (r["x"] - p["x"])
    return side
