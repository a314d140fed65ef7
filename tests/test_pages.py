"""Annotations on pages of a document: each shape stands on its page."""

import json
from typing import Any

import pytest
from helpers.exporting import Row, annotations

TRIANGLES = [[{"x": n, "y": 0}, {"x": n + 1, "y": 0}, {"x": n, "y": 1}] for n in (0, 10, 20)]
A, B, C = TRIANGLES
WKT_A, WKT_B, WKT_C = (f"POLYGON (({n}.0 0.0, {n + 1}.0 0.0, {n}.0 1.0, {n}.0 0.0))" for n in (0, 10, 20))
CROSSED = [{"x": 0, "y": 0}, {"x": 2, "y": 2}, {"x": 2, "y": 0}, {"x": 0, "y": 2}]


def entry(pages: list[int] | None, *polys: Any, **more: Any) -> Row:
    """An entry on the page level; each of `polys` is a list of rings."""
    named = {} if pages is None else {"pageNumberArray": pages}
    return {**named, "polys": [{"normalizedVertices": rings} for rings in polys], **more}


def both(pages: str) -> str:
    return f"MULTIPOLYGON ({', '.join(shape.removeprefix('POLYGON ') for shape in pages.split(' | '))})"


AB = both(f"{WKT_A} | {WKT_B}")

CASES: dict[str, tuple[list[Row], int | None, str | None, dict[int, str | None], set[str]]] = {
    "a ring for each page": ([entry([2, 5], [A, B])], 2, WKT_A, {5: WKT_B}, set()),
    "a polygon for each page": (
        [entry([2, 5], [A], [B, C])],
        2,
        WKT_A,
        {5: both(f"{WKT_B} | {WKT_C}")},
        {"annotations"},
    ),
    "an entry for each page": ([entry([5], [A]), entry([2], [B])], 2, WKT_B, {5: WKT_A}, {"annotations"}),
    "two entries for one page": ([entry([2], [A]), entry([2], [B])], 2, AB, {}, {"annotations"}),
    "one page for all rings": ([entry([3], [A, B])], 3, AB, {}, set()),
    "one page for all polygons": ([entry([3], [A], [B])], 3, AB, {}, {"annotations"}),
    "a page for each ring, all the same": ([entry([1, 1], [A, B])], 1, AB, {}, {"pageNumberArray"}),
    "a page for each ring, two the same": ([entry([1, 1, 2], [A, B, C])], 1, AB, {2: WKT_C}, {"pageNumberArray"}),
    "pages that do not ascend": ([entry([5, 2], [A, B])], 2, WKT_B, {5: WKT_A}, {"annotations"}),
    "more pages than rings": ([entry([2, 3], [A])], 2, WKT_A, {3: None}, set()),
    "fewer pages than rings": ([entry([2, 3], [A, B, C])], 2, both(f"{WKT_A} | {WKT_B} | {WKT_C}"), {3: None}, set()),
    "no pages": ([entry(None, [A, B])], None, AB, {}, {"annotations"}),
    "no pages in one of two entries": (
        [entry(None, [A]), entry([2], [B])],
        2,
        both(f"{WKT_B} | {WKT_A}"),
        {},
        {"annotations"},
    ),
    "no shape on the first page": ([entry([2]), entry([5], [A])], 2, None, {5: WKT_A}, {"annotations"}),
    "only boundingPoly": (
        [{"pageNumberArray": [2], "boundingPoly": [{"normalizedVertices": [A]}]}],
        2,
        WKT_A,
        {},
        set(),
    ),
    "one outline on a later page is repaired": (
        [entry([2, 5], [A, CROSSED])],
        2,
        WKT_A,
        {5: "MULTIPOLYGON (((1.0 1.0, 2.0 2.0, 2.0 0.0, 1.0 1.0)), ((0.0 0.0, 0.0 2.0, 1.0 1.0, 0.0 0.0)))"},
        {"annotations"},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_shape_has_its_page(name: str) -> None:
    nested, page, geometry, others, kept = CASES[name]
    [row] = annotations({"J": {"annotations": [{"mid": "m", "type": "polygon", "content": "", "annotations": nested}]}})
    assert (row["kind"], row["tool"], row["page_number"], row["geometry"]) == ("object", "polygon", page, geometry)
    pages = [{"page_number": number, "geometry": shape} for number, shape in others.items()]
    known = {"pages": pages} if pages else {}
    whole = {"annotations": nested, "pageNumberArray": nested[0].get("pageNumberArray")}
    assert json.loads(row["extra"] or "{}") == known | {key: whole[key] for key in kept}


def test_bounds_are_those_of_the_first_page() -> None:
    said = {"mid": "m", "content": "initials", "annotations": [entry([7, 4], [A, B])]}
    [row] = annotations({"J": {"annotations": [said]}})
    assert (row["kind"], row["page_number"]) == ("entity", 4)
    assert [row[name] for name in ("x_min", "y_min", "x_max", "y_max")] == [10, 0, 11, 1]


@pytest.mark.parametrize(
    ("outer", "inner", "tool"),
    [
        (None, "polygon", "polygon"),
        ("polygon", None, "polygon"),
        ("semantic", "semantic", "semantic"),
        (None, "rectangle", "rectangle"),
        (None, None, "rectangle"),
    ],
)
def test_the_type_is_read_on_either_level(outer: str | None, inner: str | None, tool: str) -> None:
    one = entry([2], [A]) if inner is None else entry([2], [A], type=inner)
    said = {"mid": "m", "content": "", "annotations": [one]} | ({} if outer is None else {"type": outer})
    [row] = annotations({"J": {"annotations": [said]}})
    assert (row["kind"], row["tool"], row["page_number"], row["geometry"]) == ("object", tool, 2, WKT_A)
