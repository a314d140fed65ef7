"""The fast path for plain answers gives the same rows as the reference path."""

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from helpers.exporting import Again, asset, label
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.kili import batch as record_batch
from pipelines.kili import export, plain_records, record_heads, records, versions
from pipelines.kili.annotations import answer_levels, answers
from pipelines.kili.annotations.columns import AnnotationColumns

EXPORTS = sorted(Path(__file__).parent.glob("samples/**/*.json"))
NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-1, 1),
    st.integers(-2, 2),
    st.sampled_from([1e-5, 1e16]),
)
ASSET_KEYS = (*records.ASSETS.keyed(), *export.LABEL_CONTAINERS, *plain_records.OTHER_ASSET_KEYS)
LABEL_KEYS = (*records.LABELS.keyed(), "author", "jsonResponse", *plain_records.OTHER_LABEL_KEYS)
AUTHOR_KEYS = (*records.LABELS.keyed("author"), *plain_records.OTHER_AUTHOR_KEYS)
ODD = st.sampled_from([None, "", "x", 0, 1, True, False, 2**63, {}, [], {"name": "A"}, [None]])


def gathered(response: Any) -> tuple[list[dict[str, Any]], int]:
    """The rows of an answer by the fast path, sorted by key, and the number of plain ones."""
    columns = AnnotationColumns(versions.FLATTEN_VERSION)
    others, count = answers.collect_rows(columns, "a1", "k1", "h1", response)
    found = columns.table().to_pylist() + others
    assert count == len(found)
    return sorted(found, key=_key), count - len(others)


def rows(response: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]], int]:
    """The rows of an answer by both paths, and the number of plain ones."""
    quick, plain_count = gathered(response)
    long = answers.rows("a1", "k1", "h1", response)
    return quick, sorted(long, key=_key), plain_count


def _key(row: dict[str, Any]) -> str:
    return str(row["annotation_key"])


def box(a: tuple[Any, Any], c: tuple[Any, Any], *, is_beside: bool, **more: Any) -> dict[str, Any]:
    (x, y), (u, v) = a, c
    b, d = ((u, y), (x, v)) if is_beside else ((x, v), (u, y))
    vertices = [{"x": left, "y": top} for left, top in (a, b, c, d)]
    said = {"mid": "m", "type": "rectangle", "boundingPoly": [{"normalizedVertices": vertices}]}
    return {**said, "categories": [{"name": "A", "confidence": 100}], "children": {}, **more}


@settings(deadline=None)
@given(st.tuples(NUMBERS, NUMBERS), st.tuples(NUMBERS, NUMBERS), st.booleans())
def test_fast_and_reference_path_write_the_same_boxes(a: Any, c: Any, is_beside: bool) -> None:
    quick, long, _ = rows({"J": {"annotations": [box(a, c, is_beside=is_beside)]}})
    assert quick == long


@given(
    st.sampled_from(["mid", "type", "boundingPoly", "categories", "children", "isKeyFrame", "beginOffset", "z"]), ODD
)
def test_unusual_boxes_take_the_reference_path(key: str, odd: Any) -> None:
    said = box((0.1, 0.2), (0.3, 0.4), is_beside=True, **{key: odd})
    quick, long, _ = rows({"J": {"annotations": [box((0.5, 0.5), (0.6, 0.6), is_beside=False), said]}})
    assert quick == long


@given(st.dictionaries(st.sampled_from(["name", "confidence", "children", "z"]), ODD), ODD, ODD, ODD)
def test_unusual_answers_take_the_reference_path(category: Any, text: Any, flag: Any, annotations: Any) -> None:
    entity = {"mid": "m", "beginOffset": 0, "endOffset": 3, "content": "abc", "categories": [category]}
    said = [
        {"categories": [category, {"name": "B"}], "text": text, "isKeyFrame": flag},
        {"annotations": annotations, "isKeyFrame": flag, "text": text},
        {"categories": [category, {"name": "B", "confidence": 1}, category, {"name": "B"}], "text": text},
        {"annotations": [entity]},
        {"annotations": [entity | {"endOffset": text, "content": flag}]},
    ]
    quick, long, _ = rows({f"J{n}": one for n, one in enumerate(said)})
    assert quick == long


def test_nested_answers_of_plain_answers_are_read() -> None:
    inner = {"K": {"categories": [{"name": "B", "confidence": 50}]}}
    said = box((0.1, 0.2), (0.3, 0.4), is_beside=True, children=inner)
    response = {"J": {"annotations": [said]}, "L": {"categories": [{"name": "C", "children": inner}]}}
    quick, long, plain = rows(response)
    assert (quick, plain) == (long, 4)


@pytest.mark.parametrize("path", EXPORTS, ids=lambda path: path.name)
def test_both_paths_give_the_same_rows_for_the_samples(path: Path) -> None:
    def said(value: Any) -> Any:
        if isinstance(value, list):
            return [one for item in value for one in said(item)]
        if not isinstance(value, dict):
            return []
        found = value.get("jsonResponse")
        mine = [json.loads(found) if isinstance(found, str) else found] if found else []
        return mine + [one for item in value.values() for one in said(item)]

    for response in said(orjson.loads(path.read_bytes())):
        quick, long, _ = rows(response)
        assert quick == long


def test_with_key_frames_only_interpolated_annotations_are_dropped() -> None:
    drawn = box((0.1, 0.2), (0.3, 0.4), is_beside=True, isKeyFrame=True)
    response = {
        "0": {"J": {"annotations": [drawn | {"isKeyFrame": False}, drawn]}, "K": {"text": "a", "isKeyFrame": True}},
        "1": {"J": {"annotations": [drawn | {"isKeyFrame": False}]}, "K": {"text": "a", "isKeyFrame": False}},
    }
    _, everything, _ = rows(response)
    quick, long, _ = rows(answer_levels.without_interpolated(response))
    assert quick == long == [row for row in everything if row["is_key_frame"]]
    assert len(everything) == 5
    assert answer_levels.without_interpolated(response["1"]) == response["1"]


DATES = st.sampled_from(
    [
        "2026-01-01T00:00:00.123Z",
        "2026-01-01T00:00:00.123456Z",
        "2026-01-01T00:00:00.1234567Z",
        "2026-01-01T00:00:00.999999999Z",
        "2026-01-01T00:00:00+02:00",
        "2026-01-01T00:00:00",
        "2026-01-01 00:00:00Z",
        "2026-01-01t00:00:00z",
        "2026-01-01T00:00Z",
        "2026-01-01",
        "2026-02-30T00:00:00Z",
        "2026-01-01T00:00:60Z",
        "1969-12-31T23:59:59.999Z",
        "0001-01-01T00:00:00+05:00",
        "0001-01-01T00:00:00-05:00",
        "9999-12-31T23:59:59-05:00",
        "9999-12-31T23:59:59Z",
        "1767225600",
        "1 January 2026",
        1767225600,
        1767225600000,
        1e11,
        253402300800000,
    ]
)
VALUES = st.one_of(
    st.sampled_from(
        [None, "", "x", "true", "5", '{"a":1}', 0, 1, 7, 0.5, True, False, 2**63, 2**64, 1e17, {}, [], {"a": 1e17}]
    ),
    DATES,
)
LINE = {"mid": "l", "type": "polyline", "polyline": [{"y": 1, "x": 0.5}, {"x": 1e-7, "y": 1e17}], "categories": []}
ODD_JOBS = {
    "ANNOTATION_JOB_COUNTER": {"BOXES": {"B": 1, "A": 2}},
    "ANNOTATION_NAMES_JOB": {"m": "A 1"},
    "LINES": {"annotations": [LINE, LINE | {"labelVersion": "default", "isKeyFrame": False}]},
    "NOTHING": None,
    "NUMBERS": {"text": "é", "more": [2**63, 0.1, {"b": [], "a": -0.0}]},
    "ROTATION_JOB": {"rotation": 90},
}
SIGNED = "https://storage.example.com/1.jpg?X-Goog-Signature=abc&width=3"
ANSWER = {
    "BOXES": {"annotations": [box((0.1, 0.2), (0.3, 0.4), is_beside=True)]},
    "NER": {"annotations": [{"mid": "m", "beginOffset": 0, "endOffset": 3, "categories": [{"name": "É"}]}]},
    "TEXT": {"text": "a\u2028b\x7f"},
}


def flattened(record: Any, *, is_long: bool) -> tuple[Any, ...]:
    """Everything that is read from a record."""
    raw = json.dumps(record).encode()
    head = record_heads.read_head(raw)
    asset_id = head.asset_id if head else None
    text = record_batch.RecordText(None, "/0", asset_id, is_label=False, fault=None, record_hash="r", raw=raw)
    batch = record_batch.Batch()
    found = batch.add_by_reference([text]) if is_long else batch.add([text])
    responses = [label.response or {} for label in found.labels] if found else []
    said = [(gathered(one)[0], gathered(answer_levels.without_interpolated(one))[0]) for one in responses]
    labels = [replace(label, response=None) for label in found.labels] if found else []
    return found and replace(found, labels=labels), batch.counts, batch.rejects, said


def record(**more: Any) -> dict[str, Any]:
    said = label(ANSWER, id="l1", isLatestReviewLabelForUser=False, jsonResponseUrl="https://a", secondsToLabel=3)
    return {
        **asset("a1", said, label(ANSWER, author=None)),
        "content": "https://a/1.jpg",
        "jsonMetadata": {"b": 1, "a": 2},
        **more,
    }


@pytest.mark.parametrize(
    "said",
    [
        record(),
        record(content=SIGNED),
        record(updatedAt="2026-01-01T00:00:00Z", resolution={"width": 1, "height": 2}),
        {**record(), "labels": None, "latestLabel": label(ANSWER)},
        {**record(), "labels": [], "latestLabels": [label(ANSWER)]},
        {**record(), "labels": [label({"0": ANSWER, "10": {}, "2": ANSWER, "assetLevel": ANSWER}), label({})]},
        {**record(), "labels": [label({**ODD_JOBS, **ANSWER}), label({}), label(ODD_JOBS), label(None)]},
        {**record(), "labels": [label({"0": {**ANSWER, **ODD_JOBS}, "1": ANSWER, "assetLevel": ODD_JOBS})]},
    ],
    ids=[
        "labels",
        "a signed URL",
        "keys without a column",
        "latestLabel",
        "latestLabels",
        "a video",
        "jobs that are not plain",
        "a video with such jobs",
    ],
)
def test_a_usual_record_takes_the_fast_path(said: dict[str, Any]) -> None:
    assert plain_records.decode(orjson.dumps(said)) is not None
    assert flattened(said, is_long=False) == flattened(said, is_long=True)


KEYS = [
    *(("asset", key) for key in (*ASSET_KEYS, "more")),
    *(("label", key) for key in (*LABEL_KEYS, "updatedAt", "more")),
    *(("author", key) for key in (*AUTHOR_KEYS, "more")),
]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(KEYS), VALUES)
def test_both_paths_read_a_record_the_same(key: tuple[str, str], value: Any) -> None:
    said = record()
    first = said["labels"][0]
    {"asset": said, "label": first, "author": first["author"]}[key[0]][key[1]] = value
    assert flattened(said, is_long=False) == flattened(said, is_long=True)


def objects(value: Any) -> list[dict[str, Any]]:
    """All objects in a JSON value."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [value] * isinstance(value, dict) + [one for item in inside for one in objects(item)]


@settings(deadline=None)
@given(
    st.sampled_from(
        [
            record(),
            record(content=SIGNED, latestLabels=[label({"0": {**ANSWER, **ODD_JOBS}}, id="l3")], labels=None),
            record(labels=[], latestLabel=label({**ANSWER, **ODD_JOBS}), isHoneypot=None, jsonMetadata='{"a": {}}'),
        ]
    ),
    st.data(),
)
def test_both_paths_find_a_repeated_key_anywhere(said: dict[str, Any], data: st.DataObject) -> None:
    said = copy.deepcopy(said)
    one = data.draw(st.sampled_from([one for one in objects(said) if one]))
    key = data.draw(st.sampled_from(sorted(one)))
    again = {Again(key): data.draw(st.sampled_from([one[key], None, "x", {"a": 1}]))}
    members = {**again, **one} if data.draw(st.booleans()) else {**one, **again}
    one.clear()
    one.update(members)
    found = flattened(said, is_long=False)
    assert found == flattened(said, is_long=True)
    assert [one for one in found[2] if f'"{key}" is given more than once' in one["reason"]]


def test_an_escaped_colon_does_not_hide_a_repeated_key() -> None:
    plain_text = orjson.dumps(record(status="a:b\\u003a", skipped=None))
    escaped = plain_text.replace(b"a:b", b"a\\u003Ab")
    assert plain_records.decode(escaped) is not None
    assert plain_records.decode(escaped.replace(b'"skipped":null', b'"skipped":null,"skipped":true', 1)) is None


LABELS = st.builds(
    lambda label_id, answer, skipped: label(id=label_id, skipped=skipped) | {"jsonResponse": answer},
    st.sampled_from([None, "", "l1", "l2"]),
    st.sampled_from([None, {}, ANSWER, ODD_JOBS]),
    st.sampled_from([None, True]),
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "labels": st.lists(LABELS, max_size=3),
            "latestLabel": LABELS,
            "latestLabels": st.lists(LABELS, max_size=3),
        },
    )
)
def test_both_paths_merge_duplicate_labels_the_same(containers: dict[str, Any]) -> None:
    said = {"id": "a1", **containers}
    assert flattened(said, is_long=False) == flattened(said, is_long=True)


@given(
    st.dictionaries(
        st.sampled_from(["J", "0", "00", "assetLevel", "ROTATION_JOB", "ANNOTATION_JOB_COUNTER", "é", "~/"]),
        ODD | st.sampled_from([ANSWER["BOXES"], ANSWER, ODD_JOBS, {**ODD_JOBS, **ANSWER}, *ODD_JOBS.values()]),
    )
)
def test_both_paths_store_the_same_answer(response: Any) -> None:
    said = {**record(), "labels": [label(response)]}
    assert flattened(said, is_long=False) == flattened(said, is_long=True)


@given(
    st.lists(st.tuples(NUMBERS, NUMBERS), min_size=3, max_size=6), st.sampled_from(["rectangle", "polygon", "semantic"])
)
def test_fast_and_reference_path_write_the_same_outlines(vertices: list[tuple[Any, Any]], tool: str) -> None:
    ring = {"normalizedVertices": [{"x": x, "y": y} for x, y in [*vertices, *vertices[:1]]]}
    open_ring = {"normalizedVertices": [{"x": x, "y": y} for x, y in vertices]}
    said = [
        {"type": tool, "boundingPoly": [one], "mid": f"{n}", "categories": [{"name": "A"}]}
        for n, one in enumerate((ring, open_ring))
    ]
    quick, long, _ = rows({"J": {"annotations": said}})
    assert quick == long


@pytest.mark.parametrize("tool", ["rectangle", "polygon", "semantic"])
def test_the_fast_path_repairs_invalid_outlines(tool: str) -> None:
    corners = {
        "crossing itself": [(0, 0), (2, 2), (2, 0), (0, 2)],
        "with a spike": [(0, 0), (2, 0), (2, 2), (0, 2), (0, 0), (0, -3)],
        "valid": [(0, 0), (2, 0.5), (0, 1)],
        "without an area": [(0.1, 0.1), (0.1, 0.1), (0.1, 0.1), (0.1, 0.1)],
        "upright": [(0, 0), (2, 0), (2, 2), (0, 2)],
        "too flat": [(0, 0), (2, 0), (2, 0), (0, 0)],
        "closed": [(0, 0), (1, 1), (0, 0)],
    }
    said = [
        {
            "type": tool,
            "mid": name,
            "boundingPoly": [
                {"normalizedVertices": [{"x": x, "y": y} for x, y in ring], "vertices": [{"x": 1, "y": 2}]}
            ],
            "categories": [{"name": "A"}],
        }
        for name, ring in corners.items()
    ]
    quick, long, plain_count = rows({"J": {"annotations": said}})
    assert (quick, plain_count) == (long, len(corners))
    is_crossed = tool == "rectangle"  # its four vertices have no order
    valid = {"valid", "upright", "crossing itself"} if is_crossed else {"valid", "upright"}
    assert {row["mid"] for row in quick if row["extra"] is None} == valid


def test_a_repeated_category_and_an_empty_text_take_the_fast_path() -> None:
    inner = {"K": {"text": "a"}}
    chosen = [{"name": "A", "confidence": 1, "children": inner}, {"name": "B"}, {"name": "A", "children": {"K": {}}}]
    quick, long, plain_count = rows({"J": {"categories": chosen, "text": ""}, "L": {"text": "", "isKeyFrame": True}})
    assert (quick, plain_count) == (long, 3)
    assert [row["category"] for row in long if row["kind"] == "classification"] == ["A", "B"]


def test_job_names_are_the_jobs_of_an_answer() -> None:
    frames = {"0": {"J": {}, "K": None}, "1": {"L": {}}, "assetLevel": {"M": {}}}
    for response, names in (
        (frames, {"J", "L", "M"}),
        ({"J": None, "K": {}, "ROTATION_JOB": {}}, {"K"}),
        ({}, set()),
        ({"J": {"text": ""}}, {"J"}),
    ):
        assert answer_levels.job_names(response) == names
