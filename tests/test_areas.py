"""The region that rings outline: even-odd, valid, and the same however it is written."""

import json
import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import shapely
from helpers.exporting import Row, annotations
from hypothesis import assume, given, settings
from hypothesis import strategies as st

Ring = list[tuple[float, float]]
TOOLS = st.sampled_from(["rectangle", "polygon", "semantic"])


def vertices(ring: Ring) -> Row:
    return {"normalizedVertices": [{"x": x, "y": y} for x, y in ring]}


def square(low: float, high: float) -> Ring:
    return [(low, low), (high, low), (high, high), (low, high)]


def drawn(tool: str, *polys: Any) -> Row:
    """The one row of a region; each of `polys` is the outline of an annotation with the same mid."""
    said = [{"mid": "m1", "type": tool, "categories": [{"name": "A"}], "boundingPoly": poly} for poly in polys]
    [row] = annotations({"J": {"annotations": said}})
    assert row["kind"] == "object"
    return row


def flat(rings: list[Ring]) -> list[Row]:
    return [vertices(ring) for ring in rings]


def grouped(rings: list[Ring]) -> list[list[Row]]:
    return [[vertices(ring)] for ring in rings]


def on_page(tool: str, rings: list[Ring]) -> Row:
    polys = [{"normalizedVertices": [vertices(ring)["normalizedVertices"] for ring in rings]}]
    said = {"mid": "m1", "type": tool, "content": "", "annotations": [{"pageNumberArray": [4], "polys": polys}]}
    [row] = annotations({"J": {"annotations": [said]}})
    assert (row["kind"], row["page_number"], row["tool"]) == ("object", 4, tool)
    return row


def shape(row: Row) -> Any:
    """The geometry of a row, which is valid and within the row's bounds."""
    found = shapely.from_wkt(row["geometry"])
    assert shapely.is_valid(found)
    bounds = (row["x_min"], row["y_min"], row["x_max"], row["y_max"])
    assert bounds == ((None,) * 4 if found.is_empty else found.bounds)
    return found


@st.composite
def boxes(draw: st.DrawFn) -> Ring:
    """An upright box on a small grid, from any corner in either direction."""
    x, y = draw(st.integers(0, 7)), draw(st.integers(0, 7))
    u, v = draw(st.integers(x + 1, 8)), draw(st.integers(y + 1, 8))
    return respelled(draw, [(x, y), (u, y), (u, v), (x, v)])


def respelled(draw: st.DrawFn, ring: Ring) -> Ring:
    first = draw(st.integers(0, len(ring) - 1))
    ring = ring[first:] + ring[:first]
    return ring[::-1] if draw(st.booleans()) else ring


def odd_cells(rings: list[Ring]) -> Any:
    """The union of the grid's cells that an odd number of different boxes covers."""
    bounds = {(*map(min, zip(*ring, strict=True)), *map(max, zip(*ring, strict=True))) for ring in rings}
    covered = Counter((x, y) for x0, y0, x1, y1 in bounds for x in range(x0, x1) for y in range(y0, y1))
    return shapely.union_all([shapely.box(x, y, x + 1, y + 1) for (x, y), count in covered.items() if count % 2])


@settings(deadline=None)
@given(st.lists(boxes(), min_size=1, max_size=6), TOOLS, st.data())
def test_boxes_in_any_layout_give_the_cells_that_an_odd_number_of_them_covers(
    rings: list[Ring], tool: str, data: st.DataObject
) -> None:
    expected = odd_cells(rings)
    shuffled = data.draw(st.permutations(rings)) + data.draw(st.lists(st.sampled_from(rings), max_size=2))
    cut = data.draw(st.integers(0, len(rings)))
    parts = [flat(some) for some in (rings[:cut], rings[cut:]) if some]
    rows = [drawn(tool, flat(rings)), drawn(tool, grouped(rings)), drawn(tool, flat(shuffled)), on_page(tool, rings)]
    for row in [*rows, drawn("semantic", *parts), drawn("semantic", *grouped(shuffled))]:
        assert shape(row).equals(expected) or (row["geometry"] == "POLYGON EMPTY" and expected.is_empty)


@st.composite
def nests(draw: st.DrawFn) -> list[Ring]:
    """Squares in one another, with corners that no grid holds, and some beside them."""
    sizes = draw(st.lists(st.integers(1, 10**6), min_size=1, max_size=8, unique=True))
    beside = draw(st.lists(st.integers(0, 3), max_size=3, unique=True))
    rings = [square(0.5 - size / 2.1e6, 0.5 + size / 2.1e6) for size in sizes]
    return [respelled(draw, ring) for ring in rings + [square(place + 1.1, place + 1.7) for place in beside]]


@settings(deadline=None)
@given(nests(), TOOLS, st.data())
def test_nested_squares_are_outlines_holes_and_islands(rings: list[Ring], tool: str, data: st.DataObject) -> None:
    nested = sorted((ring for ring in rings if max(ring) < (1.05, 0)), key=max, reverse=True)
    areas = [(-1) ** depth * (max(ring)[0] - min(ring)[0]) ** 2 for depth, ring in enumerate(nested)]
    found = shape(drawn(tool, flat(rings)))
    assert math.isclose(found.area, sum(areas) + (len(rings) - len(nested)) * 0.6**2, rel_tol=1e-9)
    assert {*map(tuple, shapely.get_coordinates(found).tolist())} == {vertex for ring in rings for vertex in ring}
    for other in (grouped(rings), flat(data.draw(st.permutations(rings)))):
        assert shape(drawn(tool, other)).equals(found)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=9), TOOLS, st.data())
def test_any_outline_gives_a_valid_shape_wherever_it_starts(ring: Ring, tool: str, data: st.DataObject) -> None:
    assume(tool != "rectangle" or len(ring) != 4)  # whose four vertices have no order
    row = drawn(tool, flat([ring]))
    first = data.draw(st.integers(0, len(ring) - 1))
    other = drawn(tool, flat([(ring[first:] + ring[:first])[::-1]]))
    assert shape(row).equals(shape(other))
    assert json.loads(row["extra"] or "{}").keys() <= {"boundingPoly"}
    if "boundingPoly" in (row["extra"] or ""):
        assert other["geometry"] == row["geometry"]
        assert json.loads(row["extra"]) == {"boundingPoly": flat([[*map(list, ring)]])}


CROSSED = [(0, 0), (2, 2), (2, 0), (0, 2)]
SPIKE = [(0, 0), (2, 0), (2, 2), (0, 2), (0, 0), (0, -3)]
REPAIRS: dict[str, tuple[list[Ring], str]] = {
    "crossing itself": ([CROSSED], "MULTIPOLYGON (((1 1, 2 2, 2 0, 1 1)), ((0 0, 0 2, 1 1, 0 0)))"),
    "with a spike": ([SPIKE], "POLYGON ((0 0, 0 2, 2 2, 2 0, 0 0))"),
    "without an area": ([[(0, 0), (1, 1), (2, 2)]], "LINESTRING (0 0, 2 2)"),
    "of two vertices": ([[(0, 0), (1, 1)]], "LINESTRING (0 0, 1 1)"),
    "of one vertex": ([[(3, 4)]], "POINT (3 4)"),
    "of one vertex many times": ([[(3, 4)] * 5], "POINT (3 4)"),
    "of two vertices, and a box": ([[(0, 0), (1, 1)], square(4, 5)], "POLYGON ((4 4, 4 5, 5 5, 5 4, 4 4))"),
    "none of them with an area": (
        [[(0, 0), (1, 1)], [(3, 4)]],
        "GEOMETRYCOLLECTION (LINESTRING (0 0, 1 1), POINT (3 4))",
    ),
    "twice, from another vertex": (
        [square(0, 1), square(0, 1)[1::-1] + square(0, 1)[:1:-1]],
        "POLYGON ((0 0, 0 1, 1 1, 1 0, 0 0))",
    ),
    "that cancel out": ([square(0, 1), [(0.5, 0), *square(0, 1)[1:], (0, 0)]], "POLYGON EMPTY"),
    "beside each other": ([square(0, 1), [(1, 0), (2, 0), (2, 1), (1, 1)]], "POLYGON ((0 0, 0 1, 2 1, 2 0, 0 0))"),
    "touching in a corner": (
        [square(0, 1), square(1, 2)],
        "MULTIPOLYGON (((0 0, 0 1, 1 1, 1 0, 0 0)), ((1 1, 1 2, 2 2, 2 1, 1 1)))",
    ),
    "overlapping": (
        [square(0, 2), square(1, 3)],
        "MULTIPOLYGON (((0 0, 0 2, 1 2, 1 1, 2 1, 2 0, 0 0)), ((1 2, 1 3, 3 3, 3 1, 2 1, 2 2, 1 2)))",
    ),
    "an island before its hole and outline": (
        [square(2, 3), square(1, 4), square(0, 5)],
        "MULTIPOLYGON (((0 0, 0 5, 5 5, 5 0, 0 0), (1 1, 4 1, 4 4, 1 4, 1 1)), ((2 2, 2 3, 3 3, 3 2, 2 2)))",
    ),
}


@pytest.mark.parametrize("name", REPAIRS)
@pytest.mark.parametrize("layout", [flat, grouped])
def test_outlines_are_repaired_and_their_points_kept(name: str, layout: Callable[[list[Ring]], Any]) -> None:
    rings, expected = REPAIRS[name]
    row = drawn("polygon", layout(rings))
    assert shape(row).equals(shapely.from_wkt(expected)) or expected == row["geometry"] == "POLYGON EMPTY"
    is_as_drawn = layout is grouped and name == "touching in a corner"
    kept = None if is_as_drawn else {"boundingPoly": layout(rings)}
    assert json.loads(row["extra"] or "null") == json.loads(json.dumps(kept))


def test_a_region_rebuilt_from_parts_keeps_the_points_of_each() -> None:
    parts = [flat([square(0, 2), square(5, 6)]), grouped([square(1, 3)])]
    row = drawn("semantic", *parts)
    assert shape(row).equals(shape(drawn("semantic", flat([square(0, 2), square(5, 6), square(1, 3)]))))
    assert json.loads(row["extra"]) == json.loads(json.dumps({"_parts": parts}))


@pytest.mark.parametrize("size", [1e100, 1e200, 1e308])
def test_very_large_coordinates_are_read(size: float) -> None:
    triangle = [(0, 0), (size, size), (size, -size)]
    for rings in ([square(0, size)], [triangle], [triangle, square(0, size)], [CROSSED, square(-size, size)]):
        for layout in (flat, grouped):
            row = drawn("semantic", layout(rings))
            assert not shapely.from_wkt(row["geometry"]).is_empty
            assert -size <= row["x_min"] < row["x_max"] <= size


def test_a_thousand_rings_are_united() -> None:
    holes = [[(x, y), (x + 0.5, y), (x + 0.5, y + 0.5), (x, y + 0.5)] for x in range(1, 33) for y in range(1, 33)]
    found = shape(drawn("semantic", flat([square(0, 34), *holes])))
    assert (found.geom_type, len(found.interiors), found.area) == ("Polygon", 1024, 34**2 - 1024 / 4)


def test_numbers_of_a_rebuilt_region_read_back_exactly() -> None:
    random = np.random.default_rng(5)
    rings = [[tuple(corner) for corner in (place + random.random((3, 2))).tolist()] for place in (0, 2, 4)]
    row = drawn("semantic", flat(rings))
    assert row["geometry"].startswith("MULTIPOLYGON")
    numbers = {float(text) for text in row["geometry"].translate(str.maketrans("(),", "   ")).split()[1:]}
    assert numbers == {number for ring in rings for vertex in ring for number in vertex}
