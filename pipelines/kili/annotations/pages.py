"""Reads annotations on pages of a document: the shape on each page, and the values that shapes cannot hold.

Pages count from 1. The first page is the page with the lowest number.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pipelines.kili.annotations import areas, drawings, wkt

Object = Mapping[str, Any]
Placed = tuple[int | None, wkt.Shape | None, dict[str, Any]]
"""First page, the shape on it, and the keys to keep in `extra`."""

_KEYS: Final = frozenset({"polys", "boundingPoly", "pageNumberArray"})


def place_on_pages(nested: Sequence[Object], *, is_box: bool) -> Placed:
    """Returns the place of an annotation, given its entries for pages. `is_box`: its rings are boxes, such as lines.

    The keys to keep are `pages` for the shapes on other pages, `pageNumberArray` if a page repeats, and `annotations`
    if the shapes cannot reproduce the entries.
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
    """Returns the rings on each page. Rings of an entry without pages are assigned to the annotation's first page."""
    by_page: dict[int | None, list[wkt.Ring]] = {}
    for entry in nested:
        for page, rings in _entry_pages(entry):
            by_page.setdefault(page, []).extend(rings)
    if len(by_page) > 1 and None in by_page:
        unplaced = by_page.pop(None)
        by_page[min(page for page in by_page if page is not None)] += unplaced
    return by_page


def _entry_pages(entry: Object) -> Iterable[tuple[int | None, list[wkt.Ring]]]:
    """Returns the pages of an entry with their rings.

    An entry has one polygon for each page, or one polygon with one ring for each page, or one page. In any other
    layout, all rings are assigned to the entry's first page.
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
    """Returns the rings of a polygon on a page, which holds a list of rings or a single ring."""
    rings = poly["normalizedVertices"]
    return [rings] if rings and isinstance(rings[0], dict) else rings


def _region(rings: Sequence[wkt.Ring], *, is_box: bool) -> tuple[wkt.Shape | None, bool]:
    """Returns the region of the rings on a page (null without rings), and whether it holds them as drawn."""
    if not rings:
        return None, True
    polygons = [[wkt.uncrossed(ring) if is_box else ring] for ring in rings]
    return areas.region(polygons, is_flat=len(polygons) == 1)


def _wkt(shape: wkt.Shape | None) -> str | None:
    return shape and shape[0]


def _are_plain(nested: Sequence[Object]) -> bool:
    """Whether there is one entry with one polygon, equal in `polys` and `boundingPoly`, and ascending pages."""
    if len(nested) != 1 or not nested[0].get("pageNumberArray") or not nested[0].keys() <= _KEYS:
        return False
    polys = [nested[0][key] for key in ("polys", "boundingPoly") if nested[0].get(key)]
    if not polys or any(len(poly) != 1 or not poly[0].keys() <= drawings.POLY_KEYS for poly in polys):
        return False
    rings = polys[0][0]["normalizedVertices"]
    pages = nested[0]["pageNumberArray"]
    is_same = polys[-1][0]["normalizedVertices"] == rings and pages == sorted(pages)
    return is_same and all(isinstance(ring, list) and len(ring) > 2 and drawings.are_flat(ring) for ring in rings)
