"""Every kind of answer as whole rows, against input made by hand after section 2 of the format's description."""

import hashlib
import json
from typing import Any

import pytest
from helpers.exporting import Row, annotations

from pipelines.kili import records, versions

NOTHING = dict.fromkeys(column.name for column in records.ANNOTATIONS.columns)
BOX = [{"x": 0.1, "y": 0.8}, {"x": 0.1, "y": 0.2}, {"x": 0.5, "y": 0.2}, {"x": 0.5, "y": 0.8}]
BOX_WKT = "POLYGON ((0.1 0.8, 0.1 0.2, 0.5 0.2, 0.5 0.8, 0.1 0.8))"
BOX_BOUNDS = (0.1, 0.2, 0.5, 0.8)
Z = [{"x": 0.1, "y": 0.2}, {"x": 0.1, "y": 0.22}, {"x": 0.6, "y": 0.2}, {"x": 0.6, "y": 0.22}]
Z_WKT = "POLYGON ((0.1 0.2, 0.1 0.22, 0.6 0.22, 0.6 0.2, 0.1 0.2))"
Z_BOUNDS = (0.1, 0.2, 0.6, 0.22)
TRIANGLE = [{"x": 0, "y": 0}, {"x": 1, "y": 0}, {"x": 1, "y": 1}]
HOLE = [{"x": 0.5, "y": 0.2}, {"x": 0.7, "y": 0.2}, {"x": 0.7, "y": 0.4}]
ISLAND = [{"x": 0.1, "y": 0.8}, {"x": 0.2, "y": 0.8}, {"x": 0.2, "y": 0.9}]


def key(place: str) -> str:
    """The hash of a place; for an item of a list, the hash of the list plus the position."""
    of_list, _, last = place.rpartition("/")
    hashed, more = (of_list, int(last)) if last.isdecimal() else (place, 0)
    digest = hashlib.blake2b(f"k1h1{hashed}".encode(), digest_size=16).digest()
    return f"{int.from_bytes(digest) + more:032x}"


def row(place: str, job: str, kind: str, *, under: str | None = None, bounds: Any = (None,) * 4, **columns: Any) -> Row:
    """A complete row; columns that are not given are null."""
    if "extra" in columns:
        columns["extra"] = json.dumps(columns["extra"], sort_keys=True, separators=(",", ":"))
    return {
        **NOTHING,
        "annotation_key": key(place),
        "label_key": "k1",
        "response_hash": "h1",
        "flatten_version": versions.FLATTEN_VERSION,
        "asset_id": "a1",
        "parent_annotation_key": None if under is None else key(under),
        "job_name": job,
        "kind": kind,
        **dict(zip(("x_min", "y_min", "x_max", "y_max"), bounds, strict=True)),
        **columns,
    }


def said(*annotations: Row) -> Row:
    return {"J": {"annotations": list(annotations)}}


def drawn(tool: str | None, **more: Any) -> Row:
    named = {} if tool is None else {"type": tool}
    return {"mid": "m1", "categories": [{"name": "CAR"}], "children": {}, **named, **more}


def poly(*rings: Any, pixels: bool = False) -> list[Row]:
    twin = {"vertices": [{"x": 1, "y": 2}]} if pixels else {}
    return [{"normalizedVertices": ring, **twin} for ring in rings]


def on_page(ring: Any, pages: list[int]) -> list[Row]:
    polys = [{"normalizedVertices": [ring]}]
    return [{"pageNumberArray": pages, "boundingPoly": polys, "polys": polys}]


AT = "/J/annotations/0"
OBJECT = {"mid": "m1", "category": "CAR"}

CASES: dict[str, tuple[Any, list[Row]]] = {
    "nothing": ({}, []),
    "one category": (
        {"J": {"categories": [{"name": "RED", "confidence": 100}]}},
        [row("/J/categories/0", "J", "classification", category="RED", confidence=100)],
    ),
    "several categories": (
        {"J": {"categories": [{"name": "RED"}, {"name": "BLUE", "confidence": -1.5, "new": 1}]}},
        [
            row("/J/categories/0", "J", "classification", category="RED"),
            row("/J/categories/1", "J", "classification", category="BLUE", confidence=-1.5, extra={"new": 1}),
        ],
    ),
    "nested": (
        {
            "K": {
                "categories": [
                    {"name": "ROAD", "children": {"S": {"categories": [{"name": "MUD"}]}, "W": {"text": " "}}}
                ]
            }
        },
        [
            row("/K/categories/0", "K", "classification", category="ROAD"),
            row(
                "/K/categories/0/children/S/categories/0",
                "S",
                "classification",
                under="/K/categories/0",
                category="MUD",
            ),
            row("/K/categories/0/children/W/text", "W", "transcription", under="/K/categories/0", text=" "),
        ],
    ),
    "nested in the old layout": (
        {"K": {"categories": [{"name": "ROAD"}], "children": {"S": {"categories": [{"name": "MUD"}]}}}},
        [
            row("/K/categories/0", "K", "classification", category="ROAD", extra={"_answer": {"children": ["S"]}}),
            row("/K/children/S/categories/0", "S", "classification", under="/K/categories/0", category="MUD"),
        ],
    ),
    "rectangle with a nested text": (
        said(
            drawn(
                "rectangle",
                boundingPoly=poly(BOX, pixels=True),
                categories=[{"name": "CAR", "confidence": 97}],
                children={"PLATE": {"text": "AB-12"}},
                polyline=[],
                score=12,
            )
        ),
        [
            row(
                AT,
                "J",
                "object",
                tool="rectangle",
                confidence=97,
                geometry=BOX_WKT,
                bounds=BOX_BOUNDS,
                extra={"score": 12},
                **OBJECT,
            ),
            row(f"{AT}/children/PLATE/text", "PLATE", "transcription", under=AT, text="AB-12"),
        ],
    ),
    "rectangle listed in Z order": (
        said(drawn("rectangle", boundingPoly=poly(Z))),
        [row(AT, "J", "object", tool="rectangle", geometry=Z_WKT, bounds=Z_BOUNDS, **OBJECT)],
    ),
    "rotated rectangle": (
        said(
            drawn(
                "rectangle",
                boundingPoly=poly([{"x": 0.5, "y": 0}, {"x": 1, "y": 0.5}, {"x": 0.5, "y": 1}, {"x": 0, "y": 0.5}]),
            )
        ),
        [
            row(
                AT,
                "J",
                "object",
                tool="rectangle",
                geometry="POLYGON ((0.5 0.0, 1.0 0.5, 0.5 1.0, 0.0 0.5, 0.5 0.0))",
                bounds=(0, 0, 1, 1),
                **OBJECT,
            )
        ],
    ),
    "rectangle that names no type": (
        said(drawn(None, boundingPoly=poly(BOX))),
        [row(AT, "J", "object", tool="rectangle", geometry=BOX_WKT, bounds=BOX_BOUNDS, extra={"type": None}, **OBJECT)],
    ),
    "polygon": (
        said(drawn("polygon", boundingPoly=poly(TRIANGLE))),
        [
            row(
                AT,
                "J",
                "object",
                tool="polygon",
                geometry="POLYGON ((0.0 0.0, 1.0 0.0, 1.0 1.0, 0.0 0.0))",
                bounds=(0, 0, 1, 1),
                **OBJECT,
            )
        ],
    ),
    "semantic region of two parts, one with a hole": (
        said(drawn("semantic", boundingPoly=poly(TRIANGLE, HOLE)), drawn("semantic", boundingPoly=poly(ISLAND))),
        [
            row(
                AT,
                "J",
                "object",
                tool="semantic",
                geometry="MULTIPOLYGON (((0.0 0.0, 1.0 0.0, 1.0 1.0, 0.0 0.0), (0.5 0.2, 0.7 0.2, 0.7 0.4, 0.5 0.2)), "
                "((0.1 0.8, 0.2 0.8, 0.2 0.9, 0.1 0.8)))",
                bounds=(0, 0, 1, 1),
                extra={"_parts": [0, 0]},
                **OBJECT,
            )
        ],
    ),
    "semantic regions with one mid that are not one": (
        said(
            drawn("semantic", boundingPoly=poly(TRIANGLE)),
            drawn("semantic", boundingPoly=poly(ISLAND), categories=[{"name": "LAKE"}]),
        ),
        [
            row(
                AT,
                "J",
                "object",
                tool="semantic",
                geometry="POLYGON ((0.0 0.0, 1.0 0.0, 1.0 1.0, 0.0 0.0))",
                bounds=(0, 0, 1, 1),
                **OBJECT,
            ),
            row(
                "/J/annotations/1",
                "J",
                "object",
                tool="semantic",
                geometry="POLYGON ((0.1 0.8, 0.2 0.8, 0.2 0.9, 0.1 0.8))",
                bounds=(0.1, 0.8, 0.2, 0.9),
                mid="m1",
                category="LAKE",
            ),
        ],
    ),
    "semantic region in groups of rings": (
        said(drawn("semantic", boundingPoly=[poly(TRIANGLE, HOLE), poly(ISLAND)])),
        [
            row(
                AT,
                "J",
                "object",
                tool="semantic",
                geometry="MULTIPOLYGON (((0.0 0.0, 1.0 0.0, 1.0 1.0, 0.0 0.0), (0.5 0.2, 0.7 0.2, 0.7 0.4, 0.5 0.2)), "
                "((0.1 0.8, 0.2 0.8, 0.2 0.9, 0.1 0.8)))",
                bounds=(0, 0, 1, 1),
                **OBJECT,
            )
        ],
    ),
    "marker": (
        said(drawn("marker", point={"x": 4.4609, "y": 52.2045}, pointPixels={"x": 1, "y": 2})),
        [
            row(
                AT,
                "J",
                "object",
                tool="marker",
                geometry="POINT (4.4609 52.2045)",
                bounds=(4.4609, 52.2045, 4.4609, 52.2045),
                **OBJECT,
            )
        ],
    ),
    "polyline, in its own direction": (
        said(
            drawn("polyline", polyline=[{"x": 0.4, "y": 0.5}, {"x": 0.1, "y": 0.9}], polylinePixels=[{"x": 1, "y": 2}])
        ),
        [
            row(
                AT,
                "J",
                "object",
                tool="polyline",
                geometry="LINESTRING (0.4 0.5, 0.1 0.9)",
                bounds=(0.1, 0.5, 0.4, 0.9),
                **OBJECT,
            )
        ],
    ),
    "vector": (
        said(drawn("vector", polyline=[{"x": 0.4, "y": 0.5}, {"x": 0.1, "y": 0.9}])),
        [
            row(
                AT,
                "J",
                "object",
                tool="vector",
                geometry="LINESTRING (0.4 0.5, 0.1 0.9)",
                bounds=(0.1, 0.5, 0.4, 0.9),
                **OBJECT,
            )
        ],
    ),
    "vertices with a third coordinate": (
        said(drawn("marker", point={"x": 0.5, "y": 0.5, "z": 7})),
        [
            row(
                AT,
                "J",
                "object",
                tool="marker",
                geometry="POINT (0.5 0.5)",
                bounds=(0.5, 0.5, 0.5, 0.5),
                extra={"point": {"x": 0.5, "y": 0.5, "z": 7}},
                **OBJECT,
            )
        ],
    ),
    "pose": (
        said(
            drawn(
                "pose",
                kind="POSE_ESTIMATION",
                points=[
                    {
                        "mid": "m1a",
                        "code": "NOSE",
                        "name": "Nose",
                        "type": "marker",
                        "children": {"SEEN": {"text": "yes"}},
                        "point": {"x": 0.4, "y": 0.3},
                        "pointPixels": {"x": 1, "y": 2},
                    }
                ],
            )
        ),
        [
            row(
                AT,
                "J",
                "pose",
                tool="pose",
                geometry="MULTIPOINT (0.4 0.3)",
                bounds=(0.4, 0.3, 0.4, 0.3),
                extra={"kind": "POSE_ESTIMATION"},
                **OBJECT,
            ),
            row(
                f"{AT}/points/0",
                "J",
                "pose",
                under=AT,
                tool="marker",
                mid="m1a",
                category="NOSE",
                geometry="POINT (0.4 0.3)",
                bounds=(0.4, 0.3, 0.4, 0.3),
                extra={"name": "Nose"},
            ),
            row(f"{AT}/points/0/children/SEEN/text", "SEEN", "transcription", under=f"{AT}/points/0", text="yes"),
        ],
    ),
    "entity": (
        said(
            {
                "mid": "n1",
                "categories": [{"name": "PERSON", "confidence": 100}],
                "children": {},
                "beginId": "main/[0]",
                "beginOffset": 4,
                "endId": "main/[0]",
                "endOffset": 8,
                "content": "Lucy",
            }
        ),
        [
            row(
                AT,
                "J",
                "entity",
                mid="n1",
                category="PERSON",
                confidence=100,
                text="Lucy",
                begin_offset=4,
                end_offset=8,
                extra={"beginId": "main/[0]", "endId": "main/[0]"},
            )
        ],
    ),
    "entity in a PDF": (
        said(drawn(None, content="Whereas the", annotations=on_page(Z, [2, 3]))),
        [
            row(
                AT,
                "J",
                "entity",
                text="Whereas the",
                page_number=2,
                geometry=Z_WKT,
                bounds=Z_BOUNDS,
                extra={"pages": [{"page_number": 3, "geometry": None}]},
                **OBJECT,
            )
        ],
    ),
    "box in a PDF": (
        said(drawn(None, content="", annotations=on_page(Z, [1]))),
        [row(AT, "J", "object", tool="rectangle", page_number=1, geometry=Z_WKT, bounds=Z_BOUNDS, **OBJECT)],
    ),
    "polygon in a PDF": (
        said(drawn("polygon", annotations=on_page(TRIANGLE, [1]))),
        [
            row(
                AT,
                "J",
                "object",
                tool="polygon",
                page_number=1,
                geometry="POLYGON ((0.0 0.0, 1.0 0.0, 1.0 1.0, 0.0 0.0))",
                bounds=(0, 0, 1, 1),
                **OBJECT,
            )
        ],
    ),
    "relation of entities": (
        said(drawn(None, startEntities=[{"mid": "n1"}], endEntities=[{"mid": "n2"}, {"mid": "n3"}])),
        [row(AT, "J", "relation", start_mids='["n1"]', end_mids='["n2","n3"]', **OBJECT)],
    ),
    "relation of objects": (
        said(drawn(None, startObjects=[{"mid": "b1"}], endObjects=[])),
        [row(AT, "J", "relation", start_mids='["b1"]', end_mids="[]", extra={"_ends": "objects"}, **OBJECT)],
    ),
    "a category chosen twice": (
        {
            "J": {
                "categories": [
                    {"name": "RED", "confidence": 60, "children": {"K": {"text": "a"}}},
                    {"name": "BLUE"},
                    {"name": "RED", "confidence": 90, "children": {"K": {"text": "b"}}},
                ],
                "isKeyFrame": True,
            }
        },
        [
            row("/J/categories/0", "J", "classification", category="RED", confidence=60, is_key_frame=True),
            row("/J/categories/1", "J", "classification", category="BLUE", is_key_frame=True),
            row("/J/categories/0/children/K/text", "K", "transcription", under="/J/categories/0", text="a"),
        ],
    ),
    "empty texts": (
        {"A": {"text": ""}, "B": {"text": "", "isKeyFrame": False}, "C": {"text": "", "categories": [{"name": "RED"}]}},
        [row("/C/categories/0", "C", "classification", category="RED")],
    ),
    "empty texts in frames": (
        {"0": {"J": {"text": "", "isKeyFrame": True}}, "1": {"J": {"text": "a", "isKeyFrame": True}}},
        [row("/1/J/text", "J", "transcription", frame=1, text="a", is_key_frame=True)],
    ),
    "numbers where texts are expected": (
        {
            "A": {"text": 42},
            "B": {"text": 1.5},
            "C": {"categories": [{"name": 3}]},
            "D": {"fileId": "f", "fileName": 7},
            "E": {"choice": {"code": 0, "firstId": "a"}},
            **said(
                {"mid": 5, "beginOffset": 0, "content": 2024, "categories": [{"name": 1}]},
                {"mid": 6.5, "startEntities": [{"mid": 5}], "endEntities": [{"mid": "n"}]},
            ),
        },
        [
            row("/A/text", "A", "transcription", text="42"),
            row("/B/text", "B", "transcription", text="1.5"),
            row("/C/categories/0", "C", "classification", category="3"),
            row("/D/fileId", "D", "file", text="7", extra={"fileId": "f"}),
            row("/E/choice", "E", "comparison", category="0", extra={"firstId": "a"}),
            row(AT, "J", "entity", mid="5", begin_offset=0, text="2024", category="1", extra={"mid": 5}),
            row(
                "/J/annotations/1",
                "J",
                "relation",
                mid="6.5",
                start_mids='["5"]',
                end_mids='["n"]',
                extra={"mid": 6.5, "startEntities": [{"mid": 5}]},
            ),
        ],
    ),
    "transcription": ({"J": {"text": "two\nlines"}}, [row("/J/text", "J", "transcription", text="two\nlines")]),
    "file": (
        {"J": {"fileId": "f-77", "fileName": "scene.glb", "fileMimeType": "model/gltf-binary"}},
        [
            row(
                "/J/fileId",
                "J",
                "file",
                text="scene.glb",
                extra={"fileId": "f-77", "fileMimeType": "model/gltf-binary"},
            )
        ],
    ),
    "comparison": (
        {"J": {"choice": {"code": "IS_BETTER", "firstId": "1a", "secondId": "1b"}}},
        [row("/J/choice", "J", "comparison", category="IS_BETTER", extra={"firstId": "1a", "secondId": "1b"})],
    ),
    "ranking": (
        {"J": {"orders": [{"rank": 1, "elements": ["a"]}]}},
        [row("/J/orders", "J", "ranking", extra={"orders": [{"rank": 1, "elements": ["a"]}]})],
    ),
    "a label that says nothing in a job": ({"J": {"annotations": [], "categories": []}, "K": {}, "L": None}, []),
    "reserved keys": (
        {"ROTATION_JOB": {"rotation": 90}, "J": {"text": "a"}},
        [row("/J/text", "J", "transcription", text="a")],
    ),
    "keys of an answer that no kind has": (
        {"J": {"text": "a", "language": "en"}},
        [row("/J/text", "J", "transcription", text="a", extra={"_answer": {"language": "en"}})],
    ),
    "video": (
        {
            "0": {
                "ANNOTATION_JOB_COUNTER": {"J": {"CAR": 1}},
                "ANNOTATION_NAMES_JOB": {"m1": "Car 1"},
                "J": {
                    "annotations": [
                        drawn(
                            "rectangle",
                            isKeyFrame=True,
                            boundingPoly=poly(BOX),
                            children={"STATE": {"categories": [{"name": "PARKED"}], "isKeyFrame": True}},
                        )
                    ]
                },
            },
            "1": {},
            "10": {"SCENE": {"categories": [{"name": "CITY"}], "isKeyFrame": False, "annotations": []}},
            "assetLevel": {"SUMMARY": {"text": "one parked car"}},
        },
        [
            row(
                "/0/J/annotations/0",
                "J",
                "object",
                tool="rectangle",
                frame=0,
                is_key_frame=True,
                geometry=BOX_WKT,
                bounds=BOX_BOUNDS,
                **OBJECT,
            ),
            row(
                "/0/J/annotations/0/children/STATE/categories/0",
                "STATE",
                "classification",
                under="/0/J/annotations/0",
                category="PARKED",
                frame=0,
                is_key_frame=True,
            ),
            row("/10/SCENE/categories/0", "SCENE", "classification", category="CITY", frame=10, is_key_frame=False),
            row("/assetLevel/SUMMARY/text", "SUMMARY", "transcription", text="one parked car"),
        ],
    ),
    "semantic region of two parts in a frame": (
        {"7": said(drawn("semantic", boundingPoly=poly(TRIANGLE)), drawn("semantic", boundingPoly=poly(ISLAND)))},
        [
            row(
                "/7/J/annotations/0",
                "J",
                "object",
                tool="semantic",
                frame=7,
                geometry="MULTIPOLYGON (((0.0 0.0, 1.0 0.0, 1.0 1.0, 0.0 0.0)),"
                " ((0.1 0.8, 0.2 0.8, 0.2 0.9, 0.1 0.8)))",
                bounds=(0, 0, 1, 1),
                extra={"_parts": [0, 0]},
                **OBJECT,
            )
        ],
    ),
    "an answer of no known shape": ({"J": "f-77"}, [row("/J", "J", "unknown", extra="f-77")]),
    "an annotation of no known shape beside one of a known": (
        said(drawn("cuboid", faces=[1]), drawn("rectangle", boundingPoly=poly(BOX))),
        [
            row(AT, "J", "unknown", extra={"annotations": [drawn("cuboid", faces=[1])]}),
            row("/J/annotations/1", "J", "object", tool="rectangle", geometry=BOX_WKT, bounds=BOX_BOUNDS, **OBJECT),
        ],
    ),
    "names that look like places": (
        {"A": {"categories": [{"name": "X"}]}, "A/categories/0": {"text": "t"}, "~": {"text": "u"}},
        [
            row("/A/categories/0", "A", "classification", category="X"),
            row("/A~1categories~10/text", "A/categories/0", "transcription", text="t"),
            row("/~0/text", "~", "transcription", text="u"),
        ],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_an_answer_gives_these_rows(name: str) -> None:
    response, expected = CASES[name]
    assert sorted(annotations(response), key=_place) == sorted(expected, key=_place)


def _place(found: Row) -> str:
    return str(found["annotation_key"])


MISSHAPEN = {
    "a list": [1],
    "text that is a flag": {"text": True},
    "text that is an object": {"text": {"a": 1}},
    "an empty text beside a key that nobody knows": {"text": "", "language": "en"},
    "category whose name is a flag": {"categories": [{"name": False}]},
    "category without a name": {"categories": [{"confidence": 1}]},
    "categories by name": {"categories": {"RED": True}},
    "annotations by name": {"annotations": {"m1": {"type": "rectangle"}}},
    "confidence that a column cannot hold exactly": {"categories": [{"name": "A", "confidence": 2**60 + 1}]},
    "key frame that is no flag": {"categories": [{"name": "A"}], "isKeyFrame": "yes"},
    "choice without code": {"choice": {"firstId": "a"}},
    "children of nothing": {"children": {"K": {"text": "a"}}},
    "children that are a list": {"categories": [{"name": "A", "children": [1]}]},
    "only keys nobody knows": {"pages": [1, 2]},
}


@pytest.mark.parametrize("name", MISSHAPEN)
def test_an_answer_of_unknown_shape_is_kept_in_one_unknown_row(name: str) -> None:
    assert annotations({"J": MISSHAPEN[name]}) == [row("/J", "J", "unknown", extra=MISSHAPEN[name])]


MISSHAPEN_ANNOTATIONS = {
    "null": None,
    "a text": "m1",
    "no shape": drawn("rectangle"),
    "a coordinate that is a text": drawn("marker", point={"x": "0.1", "y": 0.2}),
    "a coordinate that is a flag": drawn("marker", point={"x": True, "y": 0.2}),
    "a coordinate that a column cannot hold exactly": drawn("marker", point={"x": 2**60 + 1, "y": 0.2}),
    "an empty ring": drawn("polygon", boundingPoly=poly([])),
    "an empty group": drawn("semantic", boundingPoly=[[]]),
    "an offset out of range": {"beginOffset": 2**63, "endOffset": 1},
    "an offset that is no whole number": {"beginOffset": 1.5},
    "an end without mid": drawn(None, startEntities=[{"name": "n1"}]),
    "a page that is no number": drawn(None, annotations=on_page(Z, ["1"])),
    "a second page that is no number": drawn(None, annotations=on_page(Z, [1, None])),
    "a key on pages that is the loader's own": drawn(None, annotations=on_page(Z, [1]), pages=[2]),
    "children that are a text": drawn("rectangle", boundingPoly=poly(BOX), children="K"),
    "a mid that is an object": drawn("rectangle", boundingPoly=poly(BOX), mid={"a": 1}),
}


@pytest.mark.parametrize("name", MISSHAPEN_ANNOTATIONS)
def test_an_annotation_of_unknown_shape_is_kept_in_one_unknown_row(name: str) -> None:
    found = MISSHAPEN_ANNOTATIONS[name]
    assert annotations(said(found)) == [row(AT, "J", "unknown", extra={"annotations": [found]})]


def test_jobs_nest_to_any_depth() -> None:
    response: Row = {"J": {"categories": [{"name": "C0"}]}}
    for level in range(1, 3000):
        response = {"J": {"categories": [{"name": f"C{level}", "children": response}]}}
    found = annotations(response)
    assert len(found) == 3000
    assert [one["parent_annotation_key"] for one in found[1:]] == [one["annotation_key"] for one in found[:-1]]


@pytest.mark.parametrize("name", CASES)
def test_keys_are_unique_in_an_answer(name: str) -> None:
    keys = [one["annotation_key"] for one in annotations(CASES[name][0])]
    assert len(keys) == len(set(keys))
