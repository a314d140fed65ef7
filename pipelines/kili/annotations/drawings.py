"""Reads drawn annotations: the tool, the shape as WKT, and the values that WKT cannot hold.

A drawing that WKT cannot reproduce exactly (vertices with a third coordinate, rebuilt outlines) keeps its original
vertices.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pipelines.kili import canonical_json
from pipelines.kili.annotations import areas, wkt

Object = Mapping[str, Any]
Drawing = tuple[str | None, wkt.Shape, dict[str, Any]]
"""Tool, shape, and the keys to keep in `extra`."""

OUTLINED: Final = frozenset({"rectangle", "polygon", "semantic"})
_LINES: Final = frozenset({"polyline", "vector"})
POLY_KEYS: Final = frozenset({"normalizedVertices", "vertices"})


def group_regions(annotations: Sequence[Any]) -> Iterable[tuple[int, list[Any]]]:
    """Returns groups of annotations, each with the position of its first annotation.

    A group with several annotations is a semantic region: its parts differ only in their outlines.
    """
    groups: dict[object, tuple[int, list[Any]]] = {}
    for position, annotation in enumerate(annotations):
        is_semantic = isinstance(annotation, dict) and annotation.get("type") == "semantic"
        is_part = is_semantic and bool(annotation.get("boundingPoly")) and annotation.get("mid") is not None
        group = canonical_json.dumps(annotation | {"boundingPoly": None}) if is_part else position
        groups.setdefault(group, (position, []))[1].append(annotation)
    return groups.values()


def read_drawing(parts: Sequence[Object]) -> Drawing:
    """Returns the drawing of one annotation, or of the parts of a semantic region. Raises an error if it is unknown."""
    annotation = parts[0]
    tool = annotation.get("type") or _tool(annotation)
    if tool in OUTLINED:
        return _outlined(tool, parts)
    if tool == "marker":
        point = annotation["point"]
        return tool, wkt.point(point), {} if are_flat([point]) else {"point": point}
    if tool in _LINES:
        polyline = annotation["polyline"]
        return tool, wkt.line(polyline), {} if are_flat(polyline) else {"polyline": polyline}
    raise ValueError("no known tool")


def are_flat(vertices: Sequence[Object]) -> bool:
    """Whether all vertices have exactly two coordinates."""
    return max(map(len, vertices)) == 2


def _outlined(tool: str, parts: Sequence[Object]) -> Drawing:
    polys = [part["boundingPoly"] for part in parts]
    polygons = [rings for poly in polys for rings in _polygons(poly, is_box=tool == "rectangle")]
    is_flat = len(polys) == 1 and not isinstance(polys[0][0], list)
    shape, is_as_drawn = areas.region(polygons, is_flat=is_flat)
    if len(parts) > 1:
        return tool, shape, {"_parts": [_part(poly) if is_as_drawn else poly for poly in polys]}
    return tool, shape, {} if is_as_drawn and _is_plain(polys[0]) else {"boundingPoly": polys[0]}


def _part(poly: Sequence[Any]) -> object:
    """Returns the layout of a part's polygons: 0 if flat, else the number of groups, or the polygons unchanged."""
    if not _is_plain(poly):
        return poly
    return len(poly) if isinstance(poly[0], list) else 0


def _polygons(poly: Sequence[Any], *, is_box: bool) -> list[list[wkt.Ring]]:
    """Returns outlines with holes. The flat layout (rings) has one, the hierarchical layout (groups) one or more."""
    groups = poly if isinstance(poly[0], list) else [poly]
    if not all(groups):
        raise ValueError("a group without rings")
    polygons = [[ring["normalizedVertices"] for ring in group] for group in groups]
    return [[*map(wkt.uncrossed, rings)] for rings in polygons] if is_box else polygons


def _is_plain(poly: Sequence[Any]) -> bool:
    """Whether WKT can hold all of the rings, except their pixel coordinates."""
    groups = poly if isinstance(poly[0], list) else (poly,)
    for group in groups:
        for ring in group:
            vertices = ring["normalizedVertices"]
            if len(vertices) < 3 or not ring.keys() <= POLY_KEYS or not are_flat(vertices):
                return False
    return True


def _tool(annotation: Object) -> str | None:
    """Returns the tool of an object without a type, or null."""
    if poly := annotation.get("boundingPoly"):
        if isinstance(poly[0], list) or len(poly) > 1:
            return "semantic"
        return "rectangle" if _is_upright_box(poly[0]["normalizedVertices"]) else "polygon"
    if annotation.get("polyline"):
        return "polyline"
    return "marker" if annotation.get("point") else None


def _is_upright_box(ring: wkt.Ring) -> bool:
    corners = {(vertex["x"], vertex["y"]) for vertex in ring}
    return len(ring) == len(corners) == 4 and len({x for x, _ in corners}) == len({y for _, y in corners}) == 2
