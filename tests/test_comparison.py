"""The comparison of two answers: the edit of each annotation, and invariants for any two answers."""

import itertools
import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import shapely
from helpers.comparing import annotations, box, chosen, compared, drawn, edits, named_jobs, objects, score
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask
from sklearn.metrics import confusion_matrix

from pipelines.comparison import alignment, assignment, compare
from pipelines.comparison.features import table as features
from pipelines.comparison.measures import boxes, shapes, spans
from pipelines.comparison.method import Method

Answer = dict[str, Any]


def entity(
    begin: int, end: int, category: str = "PERSON", mid: str = "n", node: str | int | None = "main/[0]"
) -> Answer:
    said = {"beginOffset": begin, "endOffset": end, "beginId": node, "endId": node, "content": "x" * (end - begin)}
    return {"mid": mid, "categories": [{"name": category}], **said}


def relation(category: str, start: str, end: str, **more: Any) -> Answer:
    """A relation between annotations by their mids, one or several at each end."""
    ends = {"startEntities": start.split(), "endEntities": end.split()}
    said = {name: [{"mid": mid} for mid in mids] for name, mids in ends.items()}
    return {"mid": "r", "categories": [{"name": category}], **said, **more}


def point(x: float, y: float, category: str = "EYE") -> Answer:
    return {"mid": f"{x}", "type": "marker", "categories": [{"name": category}], "point": {"x": x, "y": y}}


def line(*points: tuple[float, float], category: str = "LANE") -> Answer:
    polyline = [{"x": x, "y": y} for x, y in points]
    return {"mid": "l", "type": "polyline", "categories": [{"name": category}], "polyline": polyline}


def pose(category: str = "HEAD", **points: tuple[float, float]) -> Answer:
    said = [{"code": code, "type": "marker", "point": {"x": x, "y": y}} for code, (x, y) in points.items()]
    return {"mid": str(points), "type": "pose", "categories": [{"name": category}], "points": said}


def text(said: str, **more: Any) -> Answer:
    return {"TEXT": {"text": said, **more}}


def ranking(*orders: list[str]) -> Answer:
    return {"RANK": {"orders": [{"rank": rank, "elements": elements} for rank, elements in enumerate(orders, 1)]}}


def drawn_apart(parts: list[tuple[float, float, float, float]]) -> Answer:
    """One semantic region of several boxes."""
    outlines = [[(x0, y0), (x1, y0), (x1, y1), (x0, y1)] for x0, y0, x1, y1 in parts]
    return objects(*(drawn("semantic", outline, mid="s") for outline in outlines))


HOLE = [(0.2, 0.2), (0.4, 0.2), (0.4, 0.4)]
CAR = (0.1, 0.1, 0.5, 0.5)
NEARLY = (0.1, 0.1, 0.5, 0.5 + 4e-10)
SHIFTED = (0.1, 0.1, 0.5, 0.6)
OTHER = (0.6, 0.6, 0.9, 0.9)
OTHER_CORNERS = [(0.9, 0.9), (0.6, 0.9), (0.6, 0.6), (0.9, 0.6)]
NESTED: Any = "a"
for _ in range(300):
    NESTED = [NESTED]
TRIANGLE = [(0.1, 0.1), (0.5, 0.1), (0.1, 0.5)]

EDITS = {
    "a box that was kept": (
        objects(box(*CAR)),
        objects(box(*NEARLY, mid="other", labelVersion="x")),
        [("kept", "BOX", "CAR", "CAR", pytest.approx(1))],
    ),
    "a box drawn from another corner": (
        objects(box(*CAR)),
        objects(drawn("rectangle", [(0.5, 0.5), (0.1, 0.5), (0.1, 0.1), (0.5, 0.1)])),
        [("kept", "BOX", "CAR", "CAR", pytest.approx(1))],
    ),
    "a box that was moved": (
        objects(box(*CAR)),
        objects(box(*SHIFTED)),
        [("moved", "BOX", "CAR", "CAR", pytest.approx(0.8))],
    ),
    "a box that was relabelled": (
        objects(box(*CAR)),
        objects(box(*CAR, category="BUS")),
        [("relabelled", "BOX", "CAR", "BUS", pytest.approx(1))],
    ),
    "a box that was relabelled and moved": (
        objects(box(*CAR)),
        objects(box(*SHIFTED, category="BUS")),
        [("relabelled_and_moved", "BOX", "CAR", "BUS", pytest.approx(0.8))],
    ),
    "a box of another class somewhere else": (
        objects(box(*CAR)),
        objects(box(*OTHER, category="BUS")),
        [("added", "BOX", None, "BUS", None), ("removed", "BOX", "CAR", None, None)],
    ),
    "the same class wins over the better place": (
        objects(box(*CAR)),
        objects(box(*CAR, category="BUS"), box(*SHIFTED)),
        [("added", "BOX", None, "BUS", None), ("moved", "BOX", "CAR", "CAR", pytest.approx(0.8))],
    ),
    "the same box in another job": (
        objects(box(*CAR)),
        objects(box(*CAR), job="OTHER"),
        [("added", "OTHER", None, "CAR", None), ("removed", "BOX", "CAR", None, None)],
    ),
    "a polygon begun at another point": (
        objects(drawn("polygon", TRIANGLE)),
        objects(drawn("polygon", [*TRIANGLE[1:], TRIANGLE[0]])),
        [("kept", "BOX", "CAR", "CAR", pytest.approx(1))],
    ),
    "two boxes alike but for what is nested, listed the other way round": (
        objects(box(*CAR, children=text("A")), box(*CAR, children=text("B"))),
        objects(box(*CAR, children=text("B")), box(*CAR, children=text("A"))),
        [("kept", "BOX", "CAR", "CAR", 1.0)] * 2 + [("kept", "TEXT", None, None, None)] * 2,
    ),
    "a nested text that was changed is the nested row's edit": (
        objects(box(*CAR, children=text("AB-1"))),
        objects(box(*CAR, children=text("AB-2"))),
        [("kept", "BOX", "CAR", "CAR", 1.0), ("text_changed", "TEXT", None, None, None)],
    ),
    "what is nested in a removed box is removed": (
        objects(box(*CAR, children=text("AB-1"))),
        objects(box(*OTHER, children=text("AB-1"))),
        [
            ("added", "BOX", None, "CAR", None),
            ("added", "TEXT", None, None, None),
            ("removed", "BOX", "CAR", None, None),
            ("removed", "TEXT", None, None, None),
        ],
    ),
    "one category left over on each side": (
        chosen("RED", "BLUE"),
        chosen("GREEN", "RED"),
        [("kept", "KIND", "RED", "RED", None), ("relabelled", "KIND", "BLUE", "GREEN", None)],
    ),
    "several categories left over": (
        chosen("RED", "BLUE"),
        chosen("GREEN"),
        [
            ("added", "KIND", None, "GREEN", None),
            ("removed", "KIND", "BLUE", None, None),
            ("removed", "KIND", "RED", None, None),
        ],
    ),
    "confidence does not count": (
        {"KIND": {"categories": [{"name": "RED", "confidence": 3}]}},
        {"KIND": {"categories": [{"name": "RED", "confidence": 100}]}},
        [("kept", "KIND", "RED", "RED", None)],
    ),
    "an entity that was moved": (
        objects(entity(4, 8)),
        objects(entity(4, 12)),
        [("moved", "BOX", "PERSON", "PERSON", pytest.approx(0.5))],
    ),
    "an entity relabelled": (
        objects(entity(4, 8)),
        objects(entity(4, 8, "PLACE")),
        [("relabelled", "BOX", "PERSON", "PLACE", 1.0)],
    ),
    "the same offsets in another node": (
        objects(entity(4, 8)),
        objects(entity(4, 8, node="main/[1]")),
        [("added", "BOX", None, "PERSON", None), ("removed", "BOX", "PERSON", None, None)],
    ),
    "a node on one side only": (
        objects(entity(4, 8, node=None), entity(9, 12, node=None)),
        objects(entity(4, 8), entity(9, 12)),
        [("kept", "BOX", "PERSON", "PERSON", 1.0)] * 2,
    ),
    "a node that each side leaves out elsewhere": (
        objects(entity(4, 8, node=None), entity(9, 12)),
        objects(entity(4, 8), entity(9, 12, node=None)),
        [("kept", "BOX", "PERSON", "PERSON", 1.0)] * 2,
    ),
    "a node that one label names once": (
        objects(entity(4, 8, node=None), entity(9, 12)),
        objects(entity(4, 8, node=None), entity(9, 12, node=None)),
        [("kept", "BOX", "PERSON", "PERSON", 1.0)] * 2,
    ),
    "a missing node in a document of several, though this job names one": (
        objects(entity(4, 8, node=None)),
        objects(entity(4, 8)) | objects(entity(4, 8, node="main/[1]"), job="OTHER"),
        [
            ("added", "BOX", None, "PERSON", None),
            ("added", "OTHER", None, "PERSON", None),
            ("removed", "BOX", "PERSON", None, None),
        ],
    ),
    "a first node that is left out": (
        objects({name: value for name, value in entity(4, 8).items() if name != "beginId"}),
        objects(entity(4, 8), entity(4, 8, node="main/[1]")),
        [("added", "BOX", None, "PERSON", None), ("kept", "BOX", "PERSON", "PERSON", 1.0)],
    ),
    "a node whose id is a number or a text": (
        objects(entity(4, 8, node=7), entity(4, 8, node=8)),
        objects(entity(4, 8, node="8"), entity(4, 8, node="7")),
        [("kept", "BOX", "PERSON", "PERSON", 1.0)] * 2,
    ),
    "reversed offsets": (
        objects(entity(4, 8)),
        objects(entity(4, 8) | {"beginOffset": 8, "endOffset": 4}),
        [("kept", "BOX", "PERSON", "PERSON", 1.0)],
    ),
    "reversed offsets of a moved entity": (
        objects(entity(4, 10) | {"beginOffset": 10, "endOffset": 4}),
        objects(entity(3, 10)),
        [("moved", "BOX", "PERSON", "PERSON", pytest.approx(6 / 7))],
    ),
    "a span over two nodes with its ends swapped": (
        objects(entity(9, 2) | {"endId": "main/[1]", "content": "x"}),
        objects(entity(2, 9, node="main/[1]") | {"endId": "main/[0]", "content": "x"}),
        [("kept", "BOX", "PERSON", "PERSON", 1.0)],
    ),
    "a span over two nodes with other offsets": (
        objects(entity(2, 9) | {"endId": "main/[1]"}),
        objects(entity(9, 2) | {"endId": "main/[1]"}),
        [("added", "BOX", None, "PERSON", None), ("removed", "BOX", "PERSON", None, None)],
    ),
    "a missing end after characters of two code units": (
        objects(entity(4, 9) | {"content": "é🚀🚀"}),
        objects(entity(4, 9) | {"content": "é🚀🚀", "endOffset": None}),
        [("kept", "BOX", "PERSON", "PERSON", 1.0)],
    ),
    "a marker that was moved": (
        objects(point(0.1, 0.1), point(0.8, 0.8)),
        objects(point(0.8, 0.81), point(0.1, 0.1)),
        [("kept", "BOX", "EYE", "EYE", None), ("moved", "BOX", "EYE", "EYE", None)],
    ),
    "a line drawn from its other end": (
        objects(line((0.1, 0.1), (0.5, 0.5))),
        objects(line((0.5, 0.5), (0.1, 0.1))),
        [("moved", "BOX", "LANE", "LANE", None)],
    ),
    "a marker relabelled where it is": (
        objects(point(0.1, 0.1)),
        objects(point(0.1, 0.1, "NOSE")),
        [("relabelled", "BOX", "EYE", "NOSE", None)],
    ),
    "a pose moves by its points, in any order": (
        objects(pose(NOSE=(0.4, 0.3), EAR=(0.2, 0.2)), pose(NOSE=(0.9, 0.9))),
        objects(pose(NOSE=(0.9, 0.9)), pose(EAR=(0.2, 0.2), NOSE=(0.4, 0.35))),
        [
            ("kept", "BOX", "EAR", "EAR", None),
            ("kept", "BOX", "HEAD", "HEAD", None),
            ("kept", "BOX", "HEAD", "HEAD", None),
            ("kept", "BOX", "NOSE", "NOSE", None),
            ("moved", "BOX", "NOSE", "NOSE", None),
        ],
    ),
    "a relation by other mids": (
        objects(entity(0, 4, mid="a"), entity(5, 9, mid="b")) | {"REL": {"annotations": [relation("KNOWS", "a", "b")]}},
        objects(entity(0, 4, mid="c"), entity(5, 9, mid="d")) | {"REL": {"annotations": [relation("KNOWS", "c", "d")]}},
        [("kept", "BOX", "PERSON", "PERSON", 1.0)] * 2 + [("kept", "REL", "KNOWS", "KNOWS", None)],
    ),
    "a relation turned round": (
        objects(entity(0, 4, mid="a"), entity(5, 9, mid="b")) | {"REL": {"annotations": [relation("KNOWS", "a", "b")]}},
        objects(entity(0, 4, mid="a"), entity(5, 9, mid="b")) | {"REL": {"annotations": [relation("KNOWS", "b", "a")]}},
        [("kept", "BOX", "PERSON", "PERSON", 1.0)] * 2 + [("moved", "REL", "KNOWS", "KNOWS", None)],
    ),
    "a relation of a box that was moved and of one that was relabelled": (
        objects(box(*CAR, mid="a"), box(*OTHER, mid="b")) | objects(relation("ON", "a", "b"), job="REL"),
        objects(box(*SHIFTED, mid="c"), box(*OTHER, "BUS", mid="d")) | objects(relation("ON", "c", "d"), job="REL"),
        [
            ("kept", "REL", "ON", "ON", None),
            ("moved", "BOX", "CAR", "CAR", pytest.approx(0.8)),
            ("relabelled", "BOX", "CAR", "BUS", 1.0),
        ],
    ),
    "a relation of a box that is gone": (
        objects(box(*CAR, mid="a"), box(0, 0, 0.05, 0.05, mid="b")) | objects(relation("ON", "a", "b"), job="REL"),
        objects(box(*CAR, mid="a"), box(*OTHER, mid="b")) | objects(relation("ON", "a", "b"), job="REL"),
        [
            ("added", "BOX", None, "CAR", None),
            ("kept", "BOX", "CAR", "CAR", 1.0),
            ("moved", "REL", "ON", "ON", None),
            ("removed", "BOX", "CAR", None, None),
        ],
    ),
    "a relation of the same box in another job": (
        objects(box(*CAR, mid="a"), box(*OTHER, mid="b")) | objects(relation("ON", "a", "b"), job="REL"),
        objects(box(*CAR, mid="a"), job="TWO")
        | objects(box(*OTHER, mid="b"))
        | objects(relation("ON", "a", "b"), job="REL"),
        [
            ("added", "TWO", None, "CAR", None),
            ("kept", "BOX", "CAR", "CAR", 1.0),
            ("moved", "REL", "ON", "ON", None),
            ("removed", "BOX", "CAR", None, None),
        ],
    ),
    "a relation with several ends, in any order": (
        objects(*(entity(n, n + 1, mid=f"l{n}") for n in range(4)), relation("ALL", "l0 l1", "l2 l3")),
        objects(*(entity(n, n + 1, mid=f"r{n}") for n in range(4)), relation("ALL", "r1 r0", "r3 r2")),
        [("kept", "BOX", "ALL", "ALL", None)] + [("kept", "BOX", "PERSON", "PERSON", 1.0)] * 4,
    ),
    "a relation with an end less": (
        objects(*(entity(n, n + 1, mid=f"l{n}") for n in range(4)), relation("ALL", "l0 l1", "l2 l3")),
        objects(*(entity(n, n + 1, mid=f"r{n}") for n in range(4)), relation("ALL", "r1 r0", "r3")),
        [("kept", "BOX", "PERSON", "PERSON", 1.0)] * 4 + [("moved", "BOX", "ALL", "ALL", None)],
    ),
    "a relation whose end is two annotations with one mid": (
        objects(entity(0, 2, mid="a"), entity(5, 7, mid="a"), entity(9, 11, mid="b"), relation("ALL", "a", "b")),
        objects(entity(5, 8, mid="a"), entity(0, 2, mid="a"), entity(9, 11, mid="b"), relation("ALL", "a", "b")),
        [
            ("kept", "BOX", "ALL", "ALL", None),
            ("kept", "BOX", "PERSON", "PERSON", 1.0),
            ("kept", "BOX", "PERSON", "PERSON", 1.0),
            ("moved", "BOX", "PERSON", "PERSON", pytest.approx(2 / 3)),
        ],
    ),
    "relations of boxes that repeat exactly": (
        objects(box(*CAR, mid="a"), box(*CAR, mid="b"), box(*OTHER, mid="c"), relation("ON", "a", "c")),
        objects(box(*CAR, mid="a"), box(*CAR, mid="b"), box(*OTHER, mid="c"), relation("ON", "b", "c")),
        [("kept", "BOX", "CAR", "CAR", 1.0)] * 3 + [("kept", "BOX", "ON", "ON", None)],
    ),
    "relations of nested entities, with nested answers": (
        {"KIND": {"categories": [{"name": "A", "children": objects(entity(4, 8, mid="a"))}]}}
        | objects(relation("SELF", "a", "a", children=text("one")), job="REL"),
        {"KIND": {"categories": [{"name": "A", "children": objects(entity(4, 9, mid="b"))}]}}
        | objects(relation("SELF", "b", "b", children=text("two")), job="REL"),
        [
            ("kept", "KIND", "A", "A", None),
            ("kept", "REL", "SELF", "SELF", None),
            ("moved", "BOX", "PERSON", "PERSON", pytest.approx(4 / 5)),
            ("text_changed", "TEXT", None, None, None),
        ],
    ),
    "relations frame by frame": (
        {str(n): objects(box(*CAR, mid="a"), box(*OTHER, mid="b"), relation("ON", "a", "b")) for n in range(2)},
        {
            "0": objects(box(*SHIFTED, mid="a"), box(*OTHER, mid="b"), relation("ON", "a", "b")),
            "1": objects(box(*CAR, mid="b"), box(*OTHER, mid="a"), relation("ON", "a", "b")),
        },
        [
            ("kept", "BOX", "CAR", "CAR", 1.0),
            ("kept", "BOX", "CAR", "CAR", 1.0),
            ("kept", "BOX", "CAR", "CAR", 1.0),
            ("kept", "BOX", "ON", "ON", None),
            ("moved", "BOX", "CAR", "CAR", pytest.approx(0.8)),
            ("moved", "BOX", "ON", "ON", None),
        ],
    ),
    "a relation to a relation": (
        objects(relation("ON", "r", "r")),
        objects(relation("ON", "gone", "r")),
        [("kept", "BOX", "ON", "ON", None)],
    ),
    "a relation relabelled": (
        {"REL": {"annotations": [relation("KNOWS", "a", "b")]}} | objects(entity(0, 4, mid="a")),
        {"REL": {"annotations": [relation("LIKES", "a", "b")]}} | objects(entity(0, 4, mid="a")),
        [("kept", "BOX", "PERSON", "PERSON", 1.0), ("relabelled", "REL", "KNOWS", "LIKES", None)],
    ),
    "a text": (text("one"), text("two"), [("text_changed", "TEXT", None, None, None)]),
    "a ranking in which two share a rank": (
        ranking(["a"], ["b", "c"]),
        ranking(["a"], ["c", "b"]),
        [("kept", "RANK", None, None, None)],
    ),
    "a ranking whose ranks and elements are numbers or texts": (
        {"RANK": {"orders": [{"rank": 1, "elements": ["7", "8"]}, {"rank": 2, "elements": ["9"]}]}},
        {"RANK": {"orders": [{"rank": "2", "elements": [9]}, {"rank": "1", "elements": [8, 7.0]}]}},
        [("kept", "RANK", None, None, None)],
    ),
    "a file and a comparison whose ids are numbers or texts": (
        {"F": {"fileId": 7}, "P": {"choice": {"code": "BETTER", "firstId": 1, "secondId": "2"}}},
        {"F": {"fileId": "7"}, "P": {"choice": {"code": "BETTER", "firstId": "1", "secondId": 2}}},
        [("kept", "F", None, None, None), ("kept", "P", "BETTER", "BETTER", None)],
    ),
    "another ranking": (
        ranking(["a"], ["b", "c"]),
        ranking(["b"], ["a", "c"]),
        [("text_changed", "RANK", None, None, None)],
    ),
    "a file by its id": (
        {"F": {"fileId": "f1", "fileName": "a.glb"}},
        {"F": {"fileId": "f2", "fileName": "a.glb"}},
        [("text_changed", "F", None, None, None)],
    ),
    "what two answers were compared as": (
        {"P": {"choice": {"code": "BETTER", "firstId": "1", "secondId": "2"}}},
        {"P": {"choice": {"code": "WORSE", "firstId": "1", "secondId": "2"}}},
        [("relabelled", "P", "BETTER", "WORSE", None)],
    ),
    "which two answers were compared": (
        {"P": {"choice": {"code": "BETTER", "firstId": "1", "secondId": "2"}}},
        {"P": {"choice": {"code": "BETTER", "firstId": "1", "secondId": "3"}}},
        [("text_changed", "P", "BETTER", "BETTER", None)],
    ),
    "shapes nobody knows": (
        {"X": {"waves": 1}, "Y": {"waves": 1}},
        {"X": {"waves": 2}, "Y": {"waves": 1}},
        [("added", "X", None, None, None), ("kept", "Y", None, None, None), ("removed", "X", None, None, None)],
    ),
    "a box on another frame": (
        {"0": objects(box(*CAR)), "1": {}},
        {"0": {}, "1": objects(box(*CAR))},
        [("added", "BOX", None, "CAR", None), ("removed", "BOX", "CAR", None, None)],
    ),
    "the same within 1e-9 wins over two pairs of the same sum": (
        objects(box(0, 0, 1, 1), box(0, 0, 0.5, 1)),
        objects(box(0, 0, 1, 1 + 1e-14), box(0.5, 0, 1, 1)),
        [
            ("added", "BOX", None, "CAR", None),
            ("kept", "BOX", "CAR", "CAR", pytest.approx(1)),
            ("removed", "BOX", "CAR", None, None),
        ],
    ),
    "a box without area": (
        objects(box(0.1, 0.1, 0.1, 0.5)),
        objects(box(0.1, 0.1 + 1e-12, 0.1, 0.5)),
        [("kept", "BOX", "CAR", "CAR", 1.0)],
    ),
    "a polygon begun elsewhere and nearly the same": (
        objects(drawn("polygon", [(0.1, 0.1), (0.1, 0.5), (0.5, 0.3)])),
        objects(drawn("polygon", [(0.5, 0.3), (0.1 + 1e-12, 0.1), (0.1, 0.5)])),
        [("kept", "BOX", "CAR", "CAR", pytest.approx(1))],
    ),
    "markers of other classes near each other": (
        objects(point(0.1, 0.1)),
        objects(point(0.11, 0.1, "NOSE")),
        [("added", "BOX", None, "NOSE", None), ("removed", "BOX", "EYE", None, None)],
    ),
    "an entity with keys that mean nothing here": (
        objects({"mid": "n", "categories": [{"name": "PERSON"}], "beginOffset": 4, "endOffset": 8, "content": "Lucy"}),
        objects(
            {
                "mid": "n",
                "categories": [{"name": "PERSON"}],
                "beginOffset": 4,
                "endOffset": 8,
                "content": "Lucy",
                "labelVersion": "default",
            }
        ),
        [("kept", "BOX", "PERSON", "PERSON", 1.0)],
    ),
    "an entity whose last node is left out": (
        objects({name: value for name, value in entity(4, 8).items() if name != "endId"}),
        objects(entity(4, 8)),
        [("kept", "BOX", "PERSON", "PERSON", 1.0)],
    ),
    "a relation of boxes drawn from other corners": (
        objects(box(*CAR, mid="a"), box(*OTHER, mid="b"), {**relation("ON", "a", "b")}),
        objects(box(*NEARLY, mid="a"), drawn("rectangle", OTHER_CORNERS, mid="b"), {**relation("ON", "a", "b")}),
        [("kept", "BOX", "CAR", "CAR", pytest.approx(1))] * 2 + [("kept", "BOX", "ON", "ON", None)],
    ),
    "a box that lost its category": (
        objects(box(*CAR)),
        objects(box(*CAR, categories=[])),
        [("relabelled", "BOX", "CAR", None, 1.0)],
    ),
    "a ranking that nests deeply": (
        ranking([NESTED]),
        ranking([NESTED]),
        [("kept", "RANK", None, None, None)],
    ),
    "nested in the job, the old way, and categories in another order": (
        {"KIND": {"categories": [{"name": "A"}, {"name": "B"}], "children": text("x")}},
        {"KIND": {"categories": [{"name": "B"}, {"name": "A"}], "children": text("x")}},
        [
            ("kept", "KIND", "A", "A", None),
            ("kept", "KIND", "B", "B", None),
            ("kept", "TEXT", None, None, None),
        ],
    ),
    "nothing on either side": ({}, {"KIND": {"categories": []}}, []),
}


@pytest.mark.parametrize(("left", "right", "expected"), EDITS.values(), ids=EDITS.keys())
def test_each_annotation_has_its_edit(left: Answer, right: Answer, expected: list[Any]) -> None:
    assert edits(left, right) == expected


NOTCHED = "POLYGON ((0 0, 0.5 0.5, 1 0, 1 1, 0 1, 0 0))"


@pytest.mark.parametrize(
    ("left", "right", "edits_", "score_"),
    [
        pytest.param(NOTCHED, f"MULTI{NOTCHED[:7]} ({NOTCHED[8:]})", [("kept", 1)], 1, id="parts of one"),
        pytest.param(
            NOTCHED, "POLYGON ((1 1, 1 0, 0.5 0.5, 0 0, 0 0.5, 0 1, 1 1))", [("kept", 1)], 1, id="drawn from elsewhere"
        ),
        pytest.param(
            NOTCHED, "POLYGON ((0 0, 1 0, 1 1, 0.5 0.5, 0 1, 0 0))", [("moved", 1 / 2)], 1 / 2, id="the same vertices"
        ),
        pytest.param(
            "POLYGON ((0 0, 1 0, 1 1, 0 1, 0 0), (0.2 0.2, 0.4 0.2, 0.4 0.4, 0.2 0.2))",
            "MULTIPOLYGON (((1 0, 1 1, 0 1, 0 0, 1 0), (0.4 0.2, 0.4 0.4, 0.2 0.2, 0.4 0.2)))",
            [("kept", 1)],
            1,
            id="a hole begun elsewhere",
        ),
        pytest.param(
            "MULTIPOLYGON (((0 0, 0.5 0, 0 0.5, 0 0)), ((1 1, 0.5 1, 1 0.5, 1 1)))",
            "MULTIPOLYGON (((1 1, 0.5 1, 1 0.5, 1 1)), ((0 0, 0.5 0, 0 0.5, 0 0)))",
            [("kept", 1)],
            1,
            id="parts in another order",
        ),
        pytest.param("LINESTRING (0 0, 1 1)", "LINESTRING (1 1, 0 0)", [("kept", 1)], 1, id="no area"),
        pytest.param("LINESTRING (0 0, 1 0)", "LINESTRING (1 0, 0 0)", [("kept", 1)], 1, id="no height"),
        pytest.param(
            "LINESTRING (0 0, 1 1)", "LINESTRING (0 1, 1 0)", [("added", None), ("removed", None)], 0, id="others"
        ),
        pytest.param("LINESTRING (0 0, 1 1)", NOTCHED, [("added", None), ("removed", None)], 0, id="no area and one"),
        pytest.param("POINT (0.5 0.5)", "POINT (0.5 0.5)", [("kept", 1)], 1, id="a point"),
        pytest.param(
            "GEOMETRYCOLLECTION (POINT (0.5 0.5), LINESTRING (0 0, 0 1))",
            "GEOMETRYCOLLECTION (LINESTRING (0 1, 0 0), POINT (0.5 0.5))",
            [("kept", 1)],
            1,
            id="a point and a line",
        ),
        pytest.param("POLYGON EMPTY", "POLYGON EMPTY", [("kept", 1)], 1, id="empty"),
    ],
)
def test_a_region_is_the_same_however_it_is_written(
    left: str, right: str, edits_: list[tuple[str, Any]], score_: float
) -> None:
    pair = objects(box(*CAR)), objects(box(*CAR))
    rows = annotations(pair).to_pylist()
    for row, wkt in zip(rows, (left, right), strict=True):
        bounds = [None if np.isnan(value) else value for value in shapely.from_wkt(wkt).bounds]
        row |= {"geometry": wkt, **dict(zip(("x_min", "y_min", "x_max", "y_max"), bounds, strict=True))}
    keys = pa.array(["pair"])
    found = compare.compare(pa.Table.from_pylist(rows, annotations().schema), named_jobs(pair), keys, Method())
    told = sorted(((row["edit"], row["iou"]) for row in found.edits.to_pylist()), key=repr)
    assert told == [(edit, iou if iou in (None, 1) else pytest.approx(iou)) for edit, iou in edits_]
    assert found.scores.tolist() == pytest.approx([score_])


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        pytest.param({}, {}, None, id="both empty"),
        pytest.param(objects(), objects(), None, id="named but empty"),
        pytest.param(objects(), objects(box(*CAR)), 0, id="one side empty"),
        pytest.param(text("x"), {}, 0, id="one text missing"),
        pytest.param(objects(box(*CAR), box(*OTHER)), objects(box(*SHIFTED)), 0.8 / 2, id="one matched, one left over"),
        pytest.param(
            objects(box(*CAR), box(*OTHER)),
            objects(box(*CAR), box(*OTHER, category="BUS")),
            1 / 3,
            id="another class is one left over on each side",
        ),
        pytest.param(objects(point(0, 0)), objects(point(0, 0)), None, id="points have no score"),
        pytest.param(objects(point(0, 0)), objects(), None, id="points on one side have no score"),
        pytest.param(
            objects(point(0, 0), box(*CAR)), objects(point(1, 1), box(*CAR)), 1, id="only what has an area is scored"
        ),
        pytest.param(objects(entity(0, 4)), objects(entity(2, 4)), 0.5, id="spans"),
        pytest.param(ranking(["a"]), ranking(["b"]), 0, id="rankings"),
        pytest.param(chosen("RED", "RED"), chosen("RED"), 1, id="a category chosen twice is chosen"),
        pytest.param(
            drawn_apart([(0, 0, 0.4, 0.4), (0.2, 0.2, 0.6, 0.6)]),
            drawn_apart([(0, 0, 0.4, 0.2), (0, 0.2, 0.6, 0.4), (0.2, 0.4, 0.6, 0.6)]),
            0.24 / 0.28,
            id="parts that overlap leave a hole where they do",
        ),
        pytest.param(
            objects(drawn("semantic", [(0, 0.5)], hole=HOLE)),
            objects(drawn("semantic", [(0, 0.4), (0.3, 0.4), (0.3, 0.9)])),
            0,
            id="a shape that nothing can mend",
        ),
        pytest.param(objects(box(0, 0, 1e308, 1e308)), objects(box(0, 0, 1e300, 1e308)), 0, id="absurd coordinates"),
        pytest.param(
            objects(pose(NOSE=(0.1, 0.1)), job="J"), {"J": {"fileId": "f"}}, 0, id="kinds of one job, one unscored"
        ),
        pytest.param(
            {"KIND": {"categories": [{"name": "A", "children": text("ab")}]}},
            {"KIND": {"categories": [{"name": "A"}]}},
            0,
            id="a nested answer on one side only",
        ),
        pytest.param(
            {"KIND": {"categories": [{"name": "A", "children": text("night")}, {"name": "B"}]}},
            {"KIND": {"categories": [{"name": "A", "children": text("nacht")}]}},
            (0.5 * 0.25) ** 0.5,
            id="nested: geometric mean",
        ),
        pytest.param(
            objects(box(*CAR, children=text("night") | chosen("RED"))),
            objects(box(*SHIFTED, children=text("nacht") | chosen("RED"))),
            (0.8 * 0.25 * 1) ** (1 / 3),
            id="two nested jobs",
        ),
        pytest.param(
            {"0": objects(box(*CAR)), "1": objects(box(*CAR), box(*OTHER)), "2": {}},
            {"0": objects(box(*CAR)), "1": objects(box(*SHIFTED)), "2": {}},
            (1 + 0.8) / 3,
            id="video: frame by frame, by annotations",
        ),
    ],
)
def test_scores(left: Answer, right: Answer, expected: float | None) -> None:
    assert score(left, right) == (None if expected is None else pytest.approx(expected))
    assert score(right, left) == (None if expected is None else pytest.approx(expected))


def test_only_key_frames_can_be_scored_while_edits_cover_every_frame() -> None:
    left = {str(n): objects(box(*CAR, isKeyFrame=n == 0)) for n in range(3)}
    right = {"0": objects(box(*CAR, isKeyFrame=True))} | {
        str(n): objects(box(*SHIFTED, isKeyFrame=False)) for n in (1, 2)
    }
    assert score(left, right) == pytest.approx((1 + 0.8 + 0.8) / 3)
    assert score(left, right, score_key_frames_only=True) == 1
    assert [edit[0] for edit in edits(left, right)] == ["kept", "moved", "moved"]


def test_the_overlap_that_makes_a_relabelling_can_be_set() -> None:
    pair = objects(box(*CAR)), objects(box(*SHIFTED, category="BUS"))
    found = compared(pair, method=Method(relabel_iou=0.81)).edits["edit"].to_pylist()
    assert found == ["removed", "added"]


def test_jobs_have_a_row_each_with_their_edits_nested_ones_included() -> None:
    left = objects(box(*CAR, children=text("a"))) | chosen("RED") | {"EMPTY": {"categories": []}, "GONE": {"text": "x"}}
    right = objects(box(*SHIFTED, children=text("a"))) | chosen("RED")
    rows = compared((left, right)).jobs.drop_columns(["pair_key"]).to_pylist()
    told = {row.pop("job_name"): {name: value for name, value in row.items() if value} for row in rows}
    box_ = {"kind": "object", "score": pytest.approx(0.8**0.5), "score_method": "matched_iou", "weight": 1.0}
    counts = {"left_annotation_count": 2, "right_annotation_count": 2, "kept_count": 1, "moved_count": 1}
    kind = {"kind": "classification", "score": 1.0, "score_method": "category_jaccard", "weight": 1.0, "kept_count": 1}
    gone = {"kind": "transcription", "score_method": "bigram_dice", "weight": 1.0}
    assert told == {
        "BOX": box_ | counts,
        "KIND": kind | {"left_annotation_count": 1, "right_annotation_count": 1},
        "EMPTY": {},
        "GONE": gone | {"left_annotation_count": 1, "removed_count": 1},
    }


NUMBERS = st.integers(0, 8).map(lambda n: n / 8)
CATEGORIES = st.sampled_from(["CAR", "BUS"])
OFFSETS = st.integers(0, 9)
NODES = st.sampled_from([None, "main/[0]", "main/[0]", "main/[1]"])


@st.composite
def boxes_drawn(draw: st.DrawFn) -> Answer:
    x, y = draw(NUMBERS), draw(NUMBERS)
    children = draw(st.sampled_from([{}, chosen("RED", job="COLOR"), chosen("BLUE", job="COLOR"), text("ab")]))
    return box(x, y, x + draw(NUMBERS) + 0.1, y + draw(NUMBERS) + 0.1, draw(CATEGORIES), children=children)


ENDS = st.sampled_from(["b0", "b1", "e0", "e1", "b0 b2", "gone"])


def named(prefix: str, annotations: list[Answer]) -> list[Answer]:
    """Annotations with mids."""
    return [one | {"mid": f"{prefix}{position}"} for position, one in enumerate(annotations)]


ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        "BOX": st.lists(boxes_drawn(), max_size=5).map(lambda drawn: objects(*named("b", drawn))["BOX"]),
        "KIND": st.lists(st.sampled_from("ABC"), unique=True).map(lambda names: chosen(*names)["KIND"]),
        "NER": st.lists(st.tuples(OFFSETS, OFFSETS, CATEGORIES, NODES, NODES), max_size=4).map(
            lambda spans: {
                "annotations": named(
                    "e", [entity(b, e, c, node=first) | {"endId": last} for b, e, c, first, last in spans]
                )
            }
        ),
        "REL": st.lists(st.tuples(CATEGORIES, ENDS, ENDS), max_size=3).map(
            lambda said: {"annotations": [relation(*one) for one in said]}
        ),
        "TEXT": st.text("ab ", max_size=5).map(lambda said: {"text": said}),
        "POINT": st.lists(st.tuples(NUMBERS, NUMBERS), max_size=3).map(
            lambda at: {"annotations": [point(*p) for p in at]}
        ),
    },
)


def reordered(answer: Answer, seed: int) -> Answer:
    """The same answer in another order, with other mids and confidences."""
    shuffle = random.Random(seed).sample
    result = {}
    mids = {}
    for job, said in shuffle(list(answer.items()), len(answer)):
        result[job] = dict(said)
        for key in ("annotations", "categories"):
            if key in said:
                result[job][key] = shuffle(said[key], len(said[key]))
        if "annotations" in said:
            renamed = named(f"{job}-", result[job]["annotations"])
            mids |= {one["mid"]: new["mid"] for one, new in zip(result[job]["annotations"], renamed, strict=True)}
            result[job]["annotations"] = renamed
    for one in result.get("REL", {}).get("annotations", ()):
        for ends in ("startEntities", "endEntities"):
            one[ends] = [{"mid": mids.get(end["mid"], "gone too")} for end in shuffle(one[ends], len(one[ends]))]
    return result


@settings(max_examples=60, deadline=None)
@given(ANSWERS, ANSWERS, st.integers(0, 1000))
def test_invariants_hold_for_any_two_answers(left: Answer, right: Answer, seed: int) -> None:
    pairs = (left, right), (right, left), (left, reordered(left, seed)), (left, reordered(right, seed))
    found = compared(*pairs)
    given_keys = annotations(*pairs).select(["pair", "side", "annotation_key"]).to_pylist()
    for number in range(len(pairs)):
        told = found.edits.filter(np.array(found.edits["pair_key"]) == str(number))
        edit = np.array(told["edit"].to_pylist(), dtype=object)
        for side, column, gone in ((0, "left_annotation_key", "added"), (1, "right_annotation_key", "removed")):
            keys = [row["annotation_key"] for row in given_keys if (row["pair"], row["side"]) == (number, side)]
            assert sorted(np.array(told[column].to_pylist(), dtype=object)[edit != gone]) == sorted(keys)
        jobs = found.jobs.filter(np.array(found.jobs["pair_key"]) == str(number))
        for name in ("kept", "added", "removed", "relabelled", "moved", "relabelled_and_moved", "text_changed"):
            assert sum(jobs[f"{name}_count"].to_pylist()) == (edit == name).sum()
        if number == 2:
            assert set(edit) <= {"kept"}
    scores = found.scores
    assert np.isnan(scores[0]) == np.isnan(scores[1])
    assert np.isnan(scores[0]) or 0 <= scores[0] <= 1
    assert np.isnan(scores[2]) or scores[2] == pytest.approx(1)
    assert scores[[1, 3]].tolist() == pytest.approx(scores[[0, 0]].tolist(), nan_ok=True)
    alone = compared((left, right))
    assert alone.scores.tolist() == pytest.approx(scores[:1].tolist(), nan_ok=True)
    assert said(alone.edits, 0) == said(found.edits, 0) == said(found.edits, 3)


def said(edits_: Any, number: int) -> list[str]:
    """The edits of one pair's annotations, without keys and order."""
    rows = edits_.filter(np.array(edits_["pair_key"]) == str(number)).to_pylist()
    told = ("edit", "job_name", "left_category", "right_category", "iou")
    return sorted(str([row[name] for name in told]) for row in rows)


FLAT = st.lists(st.tuples(*[st.floats(0, 1)] * 4, CATEGORIES), max_size=4).map(
    lambda drawn: [box(x, y, x + w + 0.01, y + h + 0.01, c) for x, y, w, h, c in drawn]
)


def brute_force(left: list[Answer], right: list[Answer]) -> float | None:
    """The best score over all one-to-one matchings; of equal sums the one that keeps most, then has most pairs."""

    def overlap(a: Answer, b: Answer) -> float:
        corners = [[(v["x"], v["y"]) for v in one["boundingPoly"][0]["normalizedVertices"]] for one in (a, b)]
        if a["categories"] != b["categories"]:
            return 0
        first, second = (shapely.Polygon(c) for c in corners)
        return first.intersection(second).area / first.union(second).area

    if not left and not right:
        return None
    small, large = sorted((left, right), key=len)
    best = (0.0, 0, 0)
    for order in itertools.permutations(large, len(small)):
        overlaps = [o for o in map(overlap, small, order) if o > 0]
        best = max(best, (round(sum(overlaps), 9), sum(o > 1 - 1e-9 for o in overlaps), len(overlaps)))
    return best[0] / (len(left) + len(right) - best[2])


@settings(max_examples=150, deadline=None)
@given(FLAT, FLAT)
def test_the_matching_has_the_greatest_possible_score(left: list[Answer], right: list[Answer]) -> None:
    expected = brute_force(left, right)
    pair = objects(*left), objects(*right)
    assert score(*pair) == (None if expected is None else pytest.approx(expected, abs=1e-9))
    assert score(*pair[::-1]) == (None if expected is None else pytest.approx(expected, abs=1e-9))


def random_boxes(count: int, seed: int) -> np.ndarray:
    at = np.random.default_rng(seed).random((count, 4))
    return np.column_stack([at[:, :2], at[:, :2] + at[:, 2:]])


def test_box_overlap_equals_pycocotools() -> None:
    left, right = random_boxes(60, 1), random_boxes(60, 2)
    wide = [np.column_stack([b[:, :2], b[:, 2:] - b[:, :2]]) for b in (left, right)]
    expected = mask.iou(*wide, [0] * 60)
    rows, columns = map(np.ravel, np.indices((60, 60)))
    assert boxes.iou(left[rows], right[columns]) == pytest.approx(expected.ravel(), abs=1e-9)


def test_overlap_of_boxes_as_shapes_is_the_same() -> None:
    left, right = random_boxes(200, 3), random_boxes(200, 4)
    assert shapes.iou(shapely.box(*left.T), shapely.box(*right.T)) == pytest.approx(boxes.iou(left, right), abs=1e-9)


def test_overlap_of_shapes_is_the_share_of_cells_in_both() -> None:
    """An oracle without geometry: shapes along a grid, with holes and parts, as sets of the grid's cells."""
    chance = random.Random(5)
    for _ in range(50):
        cells = [{(chance.randrange(6), chance.randrange(6)) for _ in range(12)} for _ in range(2)]
        drawn = [shapely.union_all([shapely.box(x, y, x + 1, y + 1) for x, y in one]).wkt for one in cells]
        left, right = shapes.read(drawn[:1]), shapes.read(drawn[1:])
        expected = len(cells[0] & cells[1]) / len(cells[0] | cells[1])
        assert shapes.iou(left, right)[0] == pytest.approx(expected, abs=1e-9)


def test_span_overlap_is_the_share_of_characters_in_both() -> None:
    at = np.random.default_rng(6).integers(0, 20, (300, 4))
    left = np.stack([np.zeros(300, int), at[:, 0], at[:, 0] + at[:, 1]], axis=1)
    right = np.stack([np.zeros(300, int), at[:, 2], at[:, 2] + at[:, 3]], axis=1)
    for a, b, found in zip(left, right, spans.iou(left, right), strict=True):
        x, y = set(range(a[1], a[2])), set(range(b[1], b[2]))
        assert found == pytest.approx(len(x & y) / len(x | y) if x | y else float((a == b).all()), abs=1e-9)


def test_confusion_of_matched_objects_equals_scikit_learn() -> None:
    chance = random.Random(7)
    places = [(0.1 * n, 0.0, 0.1 * n + 0.08, 0.5) for n in range(10)]
    truth = [chance.choice("ABC") for _ in places]
    said = [chance.choice("ABC") for _ in places]
    found = compared(
        (objects(*map(lambda p, c: box(*p, c), places, said)), objects(*map(lambda p, c: box(*p, c), places, truth)))
    ).edits
    counted = np.zeros((3, 3), dtype=int)
    for left, right in zip(found["left_category"].to_pylist(), found["right_category"].to_pylist(), strict=True):
        counted["ABC".index(right), "ABC".index(left)] += 1
    assert (counted == confusion_matrix(truth, said, labels=list("ABC"))).all()


def test_five_hundred_by_five_hundred_objects_are_one_optimal_matching() -> None:
    """All objects overlap, so they are one matching problem. Its sum is at least that of a greedy matching."""
    left, right = random_boxes(500, 8), random_boxes(500, 9)
    table = annotations((objects(*(box(*b) for b in left.tolist())), objects(*(box(*b) for b in right.tolist()))))
    found = alignment.align(features.read(table), Method())
    total = np.nansum(found.similarity[found.annotations.side == 0])
    rows, columns = map(np.ravel, np.indices((500, 500)))
    overlap = boxes.iou(left[rows], right[columns])
    taken, greedy = (set(), set()), 0.0
    for edge in np.argsort(-overlap):
        if rows[edge] not in taken[0] and columns[edge] not in taken[1]:
            taken[0].add(rows[edge])
            taken[1].add(columns[edge])
            greedy += overlap[edge]
    assert total >= greedy
    assert len(np.unique(found.partner[found.partner >= 0])) == (found.partner >= 0).sum()


def test_best_takes_more_pairs_of_the_same_sum() -> None:
    chosen_edges = assignment.max_weight_matching(np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([1.0, 0.5, 0.5]))
    assert chosen_edges.tolist() == [1, 2]
