"""Drawings on images, maps and pages: the tool, the shape, and the keys that the shape does not hold.

Drawings that WKT cannot hold exactly (a third coordinate, repaired outlines) are kept unchanged beside it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pipelines.kili import canonical_json
from pipelines.kili.annotations import areas, wkt

Object = Mapping[str, Any]
Drawing = tuple[str | None, wkt.Shape, dict[str, Any]]
"""Tool, shape, and the keys to keep beside them."""

OUTLINED: Final = frozenset({"rectangle", "polygon", "semantic"})
_LINES: Final = frozenset({"polyline", "vector"})
POLY_KEYS: Final = frozenset({"normalizedVertices", "vertices"})


def regions(annotations: Sequence[Any]) -> Iterable[tuple[int, list[Any]]]:
    """Annotations with their positions. Parts of a semantic region, which differ in the outline alone, are grouped."""
    found: dict[object, tuple[int, list[Any]]] = {}
    for position, annotation in enumerate(annotations):
        is_region = (
            isinstance(annotation, dict)
            and annotation.get("type") == "semantic"
            and bool(annotation.get("boundingPoly"))
        )
        is_part = is_region and annotation.get("mid") is not None
        name = canonical_json.dumps(annotation | {"boundingPoly": None}) if is_part else position
        found.setdefault(name, (position, []))[1].append(annotation)
    return found.values()


def drawing(parts: Sequence[Object]) -> Drawing:
    """Tool, shape and other keys of an annotation, or of the parts of one region."""
    annotation = parts[0]
    tool = annotation.get("type") or _tool(annotation)
    if tool in OUTLINED:
        return _outlined(tool, parts)
    if tool == "marker":
        return tool, wkt.point(annotation["point"]), _unless(are_flat([annotation["point"]]), annotation, "point")
    if tool in _LINES:
        return tool, wkt.line(annotation["polyline"]), _unless(are_flat(annotation["polyline"]), annotation, "polyline")
    raise ValueError("no known tool")


def are_flat(vertices: Sequence[Object]) -> bool:
    """Whether vertices have two coordinates and nothing else."""
    return max(map(len, vertices)) == 2


def _outlined(tool: str, parts: Sequence[Object]) -> Drawing:
    polys = [part["boundingPoly"] for part in parts]
    polygons = [rings for poly in polys for rings in _polygons(poly, is_box=tool == "rectangle")]
    is_flat = len(polys) == 1 and not isinstance(polys[0][0], list)
    shape, is_as_drawn = areas.region(polygons, is_flat=is_flat)
    if len(parts) > 1:
        return tool, shape, {"_parts": [_part(poly) if is_as_drawn else poly for poly in polys]}
    return tool, shape, _unless(is_as_drawn and _is_plain(polys[0]), parts[0], "boundingPoly")


def _part(poly: Sequence[Any]) -> object:
    """The layout of a part's polygons: 0 for one flat polygon, else the number of groups, or the polygons unchanged."""
    if not _is_plain(poly):
        return poly
    return len(poly) if isinstance(poly[0], list) else 0


def _polygons(poly: Sequence[Any], *, is_box: bool) -> list[list[wkt.Ring]]:
    """Outlines with holes: one in the flat layout (rings), one or more in the nested layout (groups of rings)."""
    groups = poly if isinstance(poly[0], list) else [poly]
    if not all(groups):
        raise ValueError("a group without rings")
    polygons = [[ring["normalizedVertices"] for ring in group] for group in groups]
    return [[*map(wkt.uncrossed, rings)] for rings in polygons] if is_box else polygons


def _is_plain(poly: Sequence[Any]) -> bool:
    """Whether normalised vertices are the only keys of the rings, besides pixels, and WKT holds them."""
    groups = poly if isinstance(poly[0], list) else (poly,)
    for group in groups:
        for ring in group:
            vertices = ring["normalizedVertices"]
            if len(vertices) < 3 or not ring.keys() <= POLY_KEYS or not are_flat(vertices):
                return False
    return True


def _unless(is_plain: bool, annotation: Object, key: str) -> dict[str, Any]:
    return {} if is_plain else {key: annotation[key]}


def _tool(annotation: Object) -> str | None:
    """The tool of an object that does not name it."""
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
