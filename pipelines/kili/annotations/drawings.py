"""What people draw on images, maps and pages: the tool, the shape, and what the shape does not tell.

Whatever WKT cannot give back exactly (vertices with a third coordinate, outlines that were rebuilt) is kept as it was.
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
    """Annotations with their positions; the parts of a semantic region, alike in all but the outline, together."""
    found: dict[object, tuple[int, list[Any]]] = {}
    for position, said in enumerate(annotations):
        is_region = isinstance(said, dict) and said.get("type") == "semantic" and bool(said.get("boundingPoly"))
        is_part = is_region and said.get("mid") is not None
        name = canonical_json.dumps(said | {"boundingPoly": None}) if is_part else position
        found.setdefault(name, (position, []))[1].append(said)
    return found.values()


def drawing(parts: Sequence[Object]) -> Drawing:
    """What one annotation, or several that make one region, drew."""
    said = parts[0]
    tool = said.get("type") or _tool(said)
    if tool in OUTLINED:
        return _outlined(tool, parts)
    if tool == "marker":
        return tool, wkt.point(said["point"]), _unless(are_flat([said["point"]]), said, "point")
    if tool in _LINES:
        return tool, wkt.line(said["polyline"]), _unless(are_flat(said["polyline"]), said, "polyline")
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
    """How an annotation of a region says its polygons: 0 one, flat; else as many groups; or as it is."""
    if not _is_plain(poly):
        return poly
    return len(poly) if isinstance(poly[0], list) else 0


def _polygons(poly: Sequence[Any], *, is_box: bool) -> list[list[wkt.Ring]]:
    """Outlines with holes: one in the flat layout (rings), one or more in the hierarchical one (groups of rings)."""
    groups = poly if isinstance(poly[0], list) else [poly]
    if not all(groups):
        raise ValueError("a group without rings")
    polygons = [[ring["normalizedVertices"] for ring in group] for group in groups]
    return [[*map(wkt.uncrossed, rings)] for rings in polygons] if is_box else polygons


def _is_plain(poly: Sequence[Any]) -> bool:
    """Whether the rings' normalised vertices are all there is, pixel twins aside, and WKT holds them."""
    groups = poly if isinstance(poly[0], list) else (poly,)
    for group in groups:
        for ring in group:
            vertices = ring["normalizedVertices"]
            if len(vertices) < 3 or not ring.keys() <= POLY_KEYS or not are_flat(vertices):
                return False
    return True


def _unless(is_plain: bool, said: Object, key: str) -> dict[str, Any]:
    return {} if is_plain else {key: said[key]}


def _tool(said: Object) -> str | None:
    """The tool of an object that does not name it."""
    if poly := said.get("boundingPoly"):
        if isinstance(poly[0], list) or len(poly) > 1:
            return "semantic"
        return "rectangle" if _is_upright_box(poly[0]["normalizedVertices"]) else "polygon"
    if said.get("polyline"):
        return "polyline"
    return "marker" if said.get("point") else None


def _is_upright_box(ring: wkt.Ring) -> bool:
    corners = {(vertex["x"], vertex["y"]) for vertex in ring}
    return len(ring) == len(corners) == 4 and len({x for x, _ in corners}) == len({y for _, y in corners}) == 2
