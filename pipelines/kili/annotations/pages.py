"""Annotations on pages of a document: the shape on each page, and the keys that the shapes do not hold.

Pages count from 1. The first page is the one with the lowest number.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pipelines.kili.annotations import areas, drawings, wkt

Object = Mapping[str, Any]
Placed = tuple[int | None, wkt.Shape | None, dict[str, Any]]
"""First page, the shape there, and the keys to keep beside them."""

_KEYS: Final = frozenset({"polys", "boundingPoly", "pageNumberArray"})


def place(nested: Sequence[Object], *, is_box: bool) -> Placed:
    """The first page, its shape, and the keys to keep. `is_box`: the rings are boxes, such as lines of text.

    The keys to keep: `pages` for the shapes of the other pages, `pageNumberArray` where a page repeats, `annotations`
    where these entries cannot be rebuilt from the shapes.
    """
    by_page = _rings_by_page(nested)
    numbers = sorted(page for page in by_page if page is not None)
    regions = {page: _region(rings, is_box=is_box) for page, rings in by_page.items()}
    shapes = {page: shape for page, (shape, _) in regions.items()}
    more: dict[str, Any] = {}
    if len(numbers) > 1:
        more["pages"] = [{"page_number": page, "geometry": _wkt(shapes[page])} for page in numbers[1:]]
    if not (_are_plain(nested) and all(is_as_drawn for _, is_as_drawn in regions.values())):
        more["annotations"] = nested
    elif numbers != nested[0]["pageNumberArray"]:
        more["pageNumberArray"] = nested[0]["pageNumberArray"]
    first = numbers[0] if numbers else None
    return first, shapes.get(first), more


def _rings_by_page(nested: Sequence[Object]) -> dict[int | None, list[wkt.Ring]]:
    """The rings by page. Rings of an entry without pages count for the annotation's first page."""
    found: dict[int | None, list[wkt.Ring]] = {}
    for entry in nested:
        for page, rings in _paged(entry):
            found.setdefault(page, []).extend(rings)
    if len(found) > 1 and None in found:
        unplaced = found.pop(None)
        found[min(page for page in found if page is not None)] += unplaced
    return found


def _paged(entry: Object) -> Iterable[tuple[int | None, list[wkt.Ring]]]:
    """The pages of an entry, each with rings on it.

    There is one polygon for each page, or one polygon with one ring for each page, or one page. Any other layout is
    unknown: all rings count for the entry's first page.
    """
    pages = entry.get("pageNumberArray") or []
    if not all(type(page) is int and page.bit_length() < 64 for page in pages):
        raise TypeError("not a whole number that a column can hold")
    polys = [_rings(poly) for poly in entry.get("polys") or entry.get("boundingPoly") or []]
    if len(pages) == len(polys):
        return zip(pages, polys, strict=True)
    if len(polys) == 1 and len(pages) == len(polys[0]):
        return [(page, [ring]) for page, ring in zip(pages, polys[0], strict=True)]
    rings = [ring for poly in polys for ring in poly]
    return [(min(pages, default=None), rings), *((page, []) for page in pages)]


def _rings(poly: Object) -> list[wkt.Ring]:
    """The rings of a polygon on a page, which holds a list of rings or one ring."""
    rings = poly["normalizedVertices"]
    return [rings] if rings and isinstance(rings[0], dict) else rings


def _region(rings: Sequence[wkt.Ring], *, is_box: bool) -> tuple[wkt.Shape | None, bool]:
    """The shape of the rings on a page, if there are any, and whether it holds them as drawn."""
    if not rings:
        return None, True
    polygons = [[wkt.uncrossed(ring) if is_box else ring] for ring in rings]
    return areas.region(polygons, is_flat=len(polygons) == 1)


def _wkt(shape: wkt.Shape | None) -> str | None:
    return shape and shape[0]


def _are_plain(nested: Sequence[Object]) -> bool:
    """Whether there is one list of rings, in `polys` and `boundingPoly` alike, and its pages ascend."""
    if len(nested) != 1 or not nested[0].get("pageNumberArray") or not nested[0].keys() <= _KEYS:
        return False
    polys = [nested[0][key] for key in ("polys", "boundingPoly") if nested[0].get(key)]
    if not polys or any(len(some) != 1 or not some[0].keys() <= drawings.POLY_KEYS for some in polys):
        return False
    rings = polys[0][0]["normalizedVertices"]
    pages = nested[0]["pageNumberArray"]
    is_same = polys[-1][0]["normalizedVertices"] == rings and pages == sorted(pages)
    return is_same and all(isinstance(ring, list) and len(ring) > 2 and drawings.are_flat(ring) for ring in rings)
