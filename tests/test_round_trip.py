"""Each answer, rebuilt from the columns of its annotations, equals the answer that was flattened.

What does not come back, and nothing else (`_normal` takes it from both sides):

- pixel twins (`vertices`, `pointPixels`, `polylinePixels`), and `boundingPoly` beside equal `polys` on a page;
- empty decoys: keys that are null, [] or {}, frames and jobs that say nothing, `content: ""` of an object on a page;
- reserved keys (ROTATION_JOB, ANNOTATION_JOB_COUNTER, ANNOTATION_NAMES_JOB);
- an empty text, and of a category chosen twice in a job the second;
- whether a text was written as a number;
- the order of what has none: jobs, categories, annotations, points of a pose;
- of a ring, the first vertex repeated at the end, and the Z order of a box's four;
- `assetLevel` where no frame stands beside it.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from helpers.exporting import REAL, Row, annotations, read
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.kili.annotations import common_shapes, wkt

RESERVED = ("ROTATION_JOB", "ANNOTATION_JOB_COUNTER", "ANNOTATION_NAMES_JOB")
TWINS = ("vertices", "pointPixels", "polylinePixels")
TEXTS = ("text", "content", "name", "code", "fileName")
Rows = dict[str | None, list[Row]]


# The inverse: columns -> answer


def rebuilt(rows: list[Row]) -> Row:
    """The answer from which these rows of `kili.annotations` were flattened."""
    by_parent: Rows = {}
    for row in rows:
        by_parent.setdefault(row["parent_annotation_key"], []).append(row)
    frames: dict[Any, list[Row]] = {}
    for row in by_parent.get(None, []):
        frames.setdefault(row["frame"], []).append(row)
    if frames.keys() <= {None}:
        return _jobs(frames.get(None, []), by_parent)
    return {"assetLevel" if frame is None else str(frame): _jobs(said, by_parent) for frame, said in frames.items()}


def _jobs(rows: list[Row], by_parent: Rows) -> Row:
    jobs: dict[str, list[Row]] = {}
    for row in rows:
        jobs.setdefault(row["job_name"], []).append(row)
    return {name: _answer(said, by_parent) for name, said in jobs.items()}


def _answer(rows: list[Row], by_parent: Rows) -> Any:
    answer: Row = {}
    for row in rows:
        extra = json.loads(row["extra"] or "{}")
        if row["kind"] == "unknown":
            if not isinstance(extra, dict):
                return extra
            for key, value in extra.items():
                answer[key] = [*answer.get(key, []), *value] if key == "annotations" and key in answer else value
            continue
        about_answer = extra.pop("_answer", {})
        is_point = row["kind"] == "pose" and row["tool"] == "marker"
        nested = _jobs([r for r in by_parent.get(row["annotation_key"], []) if not _is_point(r)], by_parent)
        if children := {name: nested.pop(name) for name in about_answer.pop("children", []) if name in nested}:
            answer["children"] = children
        assert not is_point
        if row["kind"] in ("classification", "transcription", "file", "comparison", "ranking"):
            answer["isKeyFrame"] = row["is_key_frame"]
        if row["kind"] == "classification":
            category = {"name": row["category"], "confidence": row["confidence"], "children": nested, **extra}
            answer.setdefault("categories", []).append(category)
        elif row["kind"] == "transcription":
            answer["text"] = row["text"]
        elif row["kind"] == "file":
            answer |= {"fileName": row["text"], **extra}
        elif row["kind"] == "comparison":
            answer["choice"] = {"code": row["category"], **extra}
        elif row["kind"] == "ranking":
            answer |= extra
        else:
            answer.setdefault("annotations", []).extend(_annotations(row, extra, nested, by_parent))
        answer |= about_answer
    return answer


def _is_point(row: Row) -> bool:
    return bool(row["kind"] == "pose" and row["tool"] == "marker")


def _annotations(row: Row, extra: Row, nested: Row, by_parent: Rows) -> Iterator[Row]:
    """The annotation of a row; each part of a region is one annotation."""
    on_page = row["page_number"] is not None or "annotations" in extra
    said: Row = {"mid": row["mid"], "isKeyFrame": row["is_key_frame"], "children": nested}
    said["type"] = None if on_page and row["tool"] == "rectangle" else row["tool"]
    said["categories"] = _categories(row, extra.pop("categories", None), nested)
    parts = extra.pop("_parts", None)
    if row["kind"] == "pose":
        points = [point for point in by_parent.get(row["annotation_key"], []) if _is_point(point)]
        said["points"] = [_point(point, by_parent) for point in points]
    elif row["kind"] == "relation":
        ends = "Objects" if extra.pop("_ends", None) else "Entities"
        said["start" + ends] = [{"mid": mid} for mid in json.loads(row["start_mids"])]
        said["end" + ends] = [{"mid": mid} for mid in json.loads(row["end_mids"])]
    elif on_page:
        said |= {"content": row["text"], "beginOffset": row["begin_offset"], "endOffset": row["end_offset"]}
        said["annotations"] = _on_pages(row, extra.pop("pages", []), extra)
    elif row["kind"] == "entity":
        said |= {"content": row["text"], "beginOffset": row["begin_offset"], "endOffset": row["end_offset"]}
    elif row["tool"] == "marker":
        said["point"] = _vertices(row)[0]
    elif row["tool"] in ("polyline", "vector"):
        said["polyline"] = _vertices(row)
    elif "boundingPoly" not in extra:
        is_rebuilt = parts is not None and all(isinstance(part, list) for part in parts)
        groups = [] if is_rebuilt else _groups(row["geometry"])
        is_flat = row["geometry"].startswith("POLYGON")
        for part in parts if parts is not None else [0 if is_flat else len(groups)]:
            if isinstance(part, list):
                del groups[: len(part) if isinstance(part[0], list) else 1]
                yield said | extra | {"boundingPoly": part}
                continue
            taken, groups = groups[: part or 1], groups[part or 1 :]
            polys = [[{"normalizedVertices": ring} for ring in group] for group in taken]
            yield said | {"boundingPoly": polys if part else polys[0]} | extra
        return
    yield said | extra


def _on_pages(row: Row, others: list[Row], extra: Row) -> list[Row]:
    """The shapes on pages: one polygon with the rings of all pages."""
    if "annotations" in extra:
        return list(extra["annotations"])
    pages = extra.pop("pageNumberArray", [row["page_number"], *(other["page_number"] for other in others)])
    shapes = [shape for shape in (row["geometry"], *(other["geometry"] for other in others)) if shape]
    rings = [ring for shape in shapes for group in _groups(shape) for ring in group]
    return [{"pageNumberArray": pages, "polys": [{"normalizedVertices": rings}]}]


def _point(row: Row, by_parent: Rows) -> Row:
    nested = _jobs(by_parent.get(row["annotation_key"], []), by_parent)
    said = {"mid": row["mid"], "code": row["category"], "type": "marker", "isKeyFrame": row["is_key_frame"]}
    return {**said, "children": nested, "point": _vertices(row)[0], **json.loads(row["extra"] or "{}")}


def _categories(row: Row, kept: list[Row] | None, nested: Row) -> list[Row]:
    if kept is None:
        return [] if row["category"] is None else [{"name": row["category"], "confidence": row["confidence"]}]
    return [
        {**one, "children": {name: nested.pop(name) for name in one.get("children") or [] if name in nested}}
        for one in kept
    ]


def _vertices(row: Row) -> list[Row]:
    text = row["geometry"][row["geometry"].index("(") + 1 : -1]
    return [dict(zip("xy", map(float, pair.split()), strict=True)) for pair in text.split(", ")]


def _groups(geometry: str) -> list[list[list[Row]]]:
    """The polygons of a geometry, each its rings, without the vertex that closes them."""
    kind, text = geometry.split(" ", 1)
    pairs = re.sub(r"([^(), ]+) ([^(), ]+)", r'{"x":\1,"y":\2}', text)
    nested = json.loads(pairs.replace("(", "[").replace(")", "]"))
    return [[ring[:-1] for ring in group] for group in ([nested] if kind == "POLYGON" else nested)]


# What both sides are compared as


def _normal(response: Row) -> Any:
    said = _cut(response)
    return said["assetLevel"] if said.keys() == {"assetLevel"} and isinstance(said["assetLevel"], dict) else said


def _cut(value: Any) -> Any:
    """The answer without the parts that flattening drops."""
    if isinstance(value, list):
        items = [_cut(item) for item in value]
        return items if _is_ordered(items) else sorted(items, key=_text)
    if not isinstance(value, dict):
        return value
    said = {key: item for key, item in value.items() if key not in TWINS and key not in RESERVED}
    said = {key: _string(item) if key in TEXTS else item for key, item in said.items()}
    if said.get("text") == "":
        del said["text"]
    if isinstance(said.get("categories"), list):
        said["categories"] = _distinct(said["categories"])
    if "polys" in said and said["polys"] and said["polys"] == said.get("boundingPoly"):
        del said["boundingPoly"]
    elif "pageNumberArray" in said and "polys" not in said and "boundingPoly" in said:
        said["polys"] = said.pop("boundingPoly")
    if said.get("annotations") and not said.get("content"):
        said.pop("content", None)
    if isinstance(said.get("normalizedVertices"), list):
        said["normalizedVertices"] = _ring(said["normalizedVertices"])
    said = {key: _cut(item) for key, item in said.items()}
    said = {key: item for key, item in said.items() if item is not None and item != [] and item != {}}
    return {} if said.keys() == {"isKeyFrame"} else said


def _string(value: Any) -> Any:
    """A text; a number as the text that JSON writes."""
    return orjson.dumps(value).decode() if type(value) in (int, float) else value


def _distinct(categories: list[Any]) -> list[Any]:
    """The categories, the first of each name."""
    found: dict[Any, Any] = {}
    for position, one in enumerate(categories):
        is_named = isinstance(one, dict) and isinstance(_string(one.get("name")), str)
        found.setdefault(_string(one["name"]) if is_named else position, one)
    return list(found.values())


def _is_ordered(items: list[Any]) -> bool:
    return not any(isinstance(item, dict) and item.keys() & {"categories", "mid", "name", "point"} for item in items)


def _ring(ring: list[Any]) -> list[Any]:
    if ring and isinstance(ring[0], list):
        return [_ring(inside) for inside in ring]
    while len(ring) > 3 and ring[0] == ring[-1]:
        ring = ring[:-1]
    is_flat = all(
        isinstance(vertex, dict) and {"x", "y"} == vertex.keys() and {*map(type, vertex.values())} <= {int, float}
        for vertex in ring
    )
    return list(wkt.uncrossed(ring)) if is_flat else ring


def _text(value: Any) -> str:
    """A text to sort by, alike for 0 and 0.0, which are equal."""
    return json.dumps(json.loads(json.dumps(value), parse_int=float), sort_keys=True)


def assert_round_trip(response: Row) -> None:
    found = annotations(response)
    keys = [row["annotation_key"] for row in found]
    assert len(keys) == len(set(keys))
    assert _normal(rebuilt(found)) == _normal(response)


# Generated answers

words = st.text(max_size=5).filter(lambda text: text.isascii() or text.encode("utf-8", "ignore").decode() == text)
names = st.sampled_from(["JOB_0", "JOB_1", "BOX", "a/b", "~", "categories", "été"])
numbers = st.floats(-200, 200, allow_nan=False) | st.integers(-3, 3) | st.sampled_from([1e200, -1e308, 5e-324])
mids = st.sampled_from(["m1", "m2", "m3"]) | st.integers(0, 3)
texts = words | st.integers(-3, 3) | st.floats(-2, 2)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | words
)
anything = st.recursive(
    scalars, lambda inside: st.lists(inside, max_size=3) | st.dictionaries(words, inside, max_size=3), max_leaves=6
)
odd = st.dictionaries(
    st.sampled_from(["score", "labelVersion", "jobName", "kind", "_answer", "parts", "pages"]), anything
)
vertices = st.fixed_dictionaries({"x": numbers, "y": numbers}, optional={"z": numbers}) | st.fixed_dictionaries(
    {"x": numbers, "y": numbers}
)
rings = st.lists(vertices, min_size=1, max_size=5)
grid = st.integers(0, 4)
crossing = st.lists(st.fixed_dictionaries({"x": grid, "y": grid}), min_size=1, max_size=6)


@st.composite
def box_rings(draw: st.DrawFn) -> list[Row]:
    x, y, u, v = (draw(numbers) for _ in range(4))
    corners = [{"x": x, "y": y}, {"x": x, "y": v}, {"x": u, "y": v}, {"x": u, "y": y}]
    order = draw(st.sampled_from([(0, 1, 2, 3), (1, 2, 3, 0), (0, 3, 2, 1), (0, 1, 3, 2)]))
    return [corners[i] for i in order]


def polys(ring: Any) -> Any:
    return st.lists(
        st.fixed_dictionaries({"normalizedVertices": ring}, optional={"vertices": st.just([{"x": 1, "y": 2}])}),
        min_size=1,
        max_size=3,
    )


def categories(jobs: Any) -> Any:
    one = st.fixed_dictionaries(
        {"name": texts}, optional={"confidence": st.integers(-5, 100) | numbers, "children": jobs, "color": scalars}
    )
    return st.lists(one, max_size=3)


def shared(jobs: Any, **shape: Any) -> Any:
    """An annotation with the keys that all kinds may have."""
    optional = {"mid": mids, "children": jobs, "isKeyFrame": st.booleans(), "categories": categories(st.just({}))}
    said = st.fixed_dictionaries(dict(shape), optional=optional)
    return st.tuples(said, odd).map(lambda pair: {**pair[1], **pair[0]})


def shapes(jobs: Any) -> Any:
    tools = st.sampled_from(["rectangle", "polygon", "semantic"]) | st.none()
    page = st.fixed_dictionaries(
        {"polys": polys(st.lists(box_rings() | rings | crossing, min_size=1, max_size=3))},
        optional={"pageNumberArray": st.lists(st.integers(1, 9), max_size=3), "type": tools},
    ).map(lambda page: {**page, "boundingPoly": page["polys"]})
    ends = st.lists(st.fixed_dictionaries({"mid": mids}, optional={"name": words}), max_size=2)
    points = st.lists(shared(jobs, type=st.just("marker"), point=vertices, code=texts), min_size=1, max_size=2)
    outlines = polys(rings) | polys(crossing)
    region = st.lists(outlines | st.lists(outlines, min_size=1, max_size=2), min_size=1, max_size=3)
    return st.one_of(
        shared(jobs, type=tools, boundingPoly=polys(box_rings())),
        shared(jobs, type=tools, boundingPoly=outlines),
        shared(jobs, type=tools, boundingPoly=st.lists(outlines, min_size=1, max_size=2)),
        shared(jobs, type=st.sampled_from(["marker", None]), point=vertices),
        shared(jobs, type=st.sampled_from(["polyline", "vector", None]), polyline=rings),
        shared(jobs, type=st.sampled_from(["pose", None]), points=points),
        shared(jobs, beginOffset=st.integers(0, 9), endOffset=st.integers(0, 9) | st.none(), content=texts),
        shared(jobs, annotations=st.lists(page, min_size=1, max_size=2), content=texts, type=tools),
        shared(jobs, startEntities=ends, endEntities=ends),
        shared(jobs, startObjects=ends, endObjects=ends, type=st.sampled_from(["relation", None])),
        shared(jobs, type=st.sampled_from(["cuboid", "range"]), faces=anything),
        region.map(lambda polys: [{"mid": "r1", "type": "semantic", "boundingPoly": poly} for poly in polys]),
        anything,
    )


def flat(found: list[Any]) -> list[Any]:
    """Annotations; each part of a generated region is one."""
    return [
        one
        for said in found
        for one in (said if isinstance(said, list) and said and "boundingPoly" in str(said) else [said])
    ]


def answers_of(jobs: Any) -> Any:
    flag = st.booleans()
    drawn = st.lists(shapes(jobs), max_size=3).map(flat)
    return st.one_of(
        st.fixed_dictionaries({"categories": categories(jobs)}, optional={"isKeyFrame": flag, "note": scalars}),
        st.fixed_dictionaries({"annotations": drawn}, optional={"isKeyFrame": flag, "note": scalars}),
        st.fixed_dictionaries({"text": texts}, optional={"isKeyFrame": flag, "note": scalars, "annotations": drawn}),
        st.fixed_dictionaries({"fileId": words}, optional={"fileName": texts, "size": scalars, "text": words}),
        st.fixed_dictionaries({"choice": st.fixed_dictionaries({"code": texts}, optional={"firstId": words})}),
        st.fixed_dictionaries({"orders": st.lists(anything, max_size=2)}, optional={"note": anything}),
        st.fixed_dictionaries({"categories": categories(st.just({})), "children": jobs}),
        anything,
    )


jobs = st.deferred(lambda: st.dictionaries(names, answers_of(st.just({}) | jobs), max_size=2))
responses = jobs | st.dictionaries(st.integers(0, 999).map(str), jobs, max_size=3).flatmap(
    lambda frames: st.just(frames) | jobs.map(lambda whole: {**frames, "assetLevel": whole})
)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(response=responses)
def test_an_answer_is_rebuilt_from_the_columns_of_its_annotations(response: Row) -> None:
    assert_round_trip(orjson.loads(orjson.dumps(response)))


@pytest.mark.parametrize("path", sorted(REAL.glob("*.[jz]*")), ids=lambda path: path.name)
def test_the_answers_of_a_real_export_are_rebuilt_and_none_is_unknown(path: Path) -> None:
    found = read(path)
    if found.ledger["is_rejected"]:
        assert path.name in {
            "geospatial_geojson.zip",
            "llm_static_export.json",
            "llm_dynamic_export.json",
            "llm_rlhf_export.json",
        }
    for asset in found.assets:
        for label in asset.labels:
            assert_round_trip(common_shapes.to_json_value(label.response or {}))
    assert not [row for row in found.annotations if row["kind"] == "unknown"]
