"""Byte spans of the records of a document, found by quotes and brackets."""

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.landing import json_lines, json_records


def texts(document: bytes, *, is_quick: bool = False) -> list[bytes]:
    """The records, each read from the file that they are found in, as the loader reads them."""
    file = io.BytesIO(document)
    found = []
    for begin, end in json_records.records(file, is_quick=is_quick).spans:
        file.seek(begin)
        found.append(file.read(end - begin))
    return found


JSON_LINES = [b'{"a": 1}', b'{"b": "}', b'{"c": 1}', b'{"d": "}']
LINES_AND_TEXT = [b'{"a": 1}', b'{"b": "', b'{"c": 1}', b"x", b'{"d": [}']
LIST_OF_LINES = [b'{"a": 1}', b'{"b": tru}', b'{"c": 1}']


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param(b"[]", [], id="empty list"),
        pytest.param(b' [ {"a": 1} , {"b": 2} ] \n', [b'{"a": 1}', b'{"b": 2}'], id="list"),
        pytest.param(b'\xef\xbb\xbf[{"a": 1}]', [b'{"a": 1}'], id="byte order mark"),
        pytest.param(b'{"a": [1, {"b": 2}]}', [b'{"a": [1, {"b": 2}]}'], id="lone object"),
        pytest.param(b'{"a": 1}\n{"b": 2}\n', [b'{"a": 1}', b'{"b": 2}'], id="JSON Lines"),
        pytest.param(b'{"a": 1}\r\n\r\n{"b": 2}', [b'{"a": 1}', b'{"b": 2}'], id="JSON Lines of Windows"),
        pytest.param(b'{"a": 1}\n{"b": \n{"c": 3}\n', [b'{"a": 1}', b'{"b":', b'{"c": 3}'], id="a broken line"),
        pytest.param(b'{"a": 1}\n{"b": "\n{"c": 3}', [b'{"a": 1}', b'{"b": "', b'{"c": 3}'], id="an open text"),
        pytest.param(b'{"a": 1}\n{"b": "}\n{"c": 1}\n{"d": "}', JSON_LINES, id="two open texts"),
        pytest.param(b'{"a": 1}\n{"b": "\n{"c": 1}\nx\n{"d": [}', LINES_AND_TEXT, id="a line of text"),
        pytest.param(
            b'{"a": [\n{"b": 1}\n{"c": 1}\n', [b'{"a": [', b'{"b": 1}', b'{"c": 1}'], id="a broken first line"
        ),
        pytest.param(b'error\n{"b": 1}\n', [b"error", b'{"b": 1}'], id="a first line of text"),
        pytest.param(b'[1\n{"b": 1}\n{"c": 1}\n', [b"[1", b'{"b": 1}', b'{"c": 1}'], id="a cut list as first line"),
        pytest.param(b'{"a": 1}\n{"b": 1}\n{"c": {"d', [b'{"a": 1}', b'{"b": 1}', b'{"c": {"d'], id="a cut last line"),
        pytest.param(b'[1, {"a": 1}, null, "x"]', [b"1", b'{"a": 1}', b"null", b'"x"'], id="items that are no objects"),
        pytest.param(b'["a,b", {"a": 1}, "\\",]"]', [b'"a,b"', b'{"a": 1}', b'"\\",]"'], id="commas in items"),
        pytest.param(b'[{"a": 1},\n{"b": tru},\n{"c": 1}\n]', LIST_OF_LINES, id="a list with a line for each item"),
        pytest.param(
            b'[{"a": "}]\\"{["}, {"b": "\\\\"}]', [b'{"a": "}]\\"{["}', b'{"b": "\\\\"}'], id="brackets in texts"
        ),
        pytest.param(b'[{"a": tru}, {"b": 1}]', [b'{"a": tru}', b'{"b": 1}'], id="a record that is broken inside"),
    ],
)
def test_records_with_any_content_are_found(document: bytes, expected: list[bytes]) -> None:
    assert texts(document) == expected


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        pytest.param(b"", "it is empty", id="empty"),
        pytest.param(b" \n\t", "it is empty", id="blank"),
        pytest.param(b"<html>", "it starts with '<'", id="another format"),
        pytest.param("[]".encode("utf-16"), r"it starts with '\\\\xff'", id="UTF-16"),
        pytest.param(b'[{"a": 1}', "cut short", id="cut after a record"),
        pytest.param(b'[{"a": "b', "cut short", id="cut in a text"),
        pytest.param(b'{"a": {"b": 1}', "cut short", id="cut object"),
        pytest.param(b'[{"a": 1}] x', "too many", id="text after the end"),
        pytest.param(b'[{"a": 1}]]', "too many", id="a bracket too many"),
        pytest.param(b'[{"a": 1}}', "too many", id="closed by another bracket"),
    ],
)
def test_a_document_that_is_no_json_is_refused_with_the_reason(document: bytes, reason: str) -> None:
    with pytest.raises(json_records.NotJson, match=reason):
        texts(document)


def test_a_flood_of_items_that_are_no_objects_is_refused() -> None:
    with pytest.raises(json_records.NotJson, match="more than 10,000 of its items"):
        texts(b"[" + b"1," * 100_000 + b"1]")


def test_an_item_longer_than_a_piece_of_the_document_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_records, "_CHUNK", 4)
    assert texts(b'[1, "a,b,c,d,e", {"a": 1}, "f,,,,,,g"]') == [b"1", b'"a,b,c,d,e"', b'{"a": 1}', b'"f,,,,,,g"']


def test_white_space_between_records_takes_no_memory_and_hides_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_records, "_CHUNK", 16)
    document = b"[" + b" " * 1000 + b'{"a": 1}' + b"\n" * 99 + b"," + b" " * 999 + b'{"b": 2}' + b" " * 50 + b"]"
    assert texts(document) == [b'{"a": 1}', b'{"b": 2}']


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(), inside, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(), json_values, max_size=3)


@given(st.lists(objects, max_size=5), st.sampled_from([None, 1]), st.booleans(), st.integers(1, 40))
def test_the_records_of_any_list_are_its_items(
    items: list[Any], indent: int | None, is_ascii: bool, chunk: int
) -> None:
    document = json.dumps(items, indent=indent, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_records, "_CHUNK", chunk)
        patch.setattr(json_lines, "_CHUNK", chunk)
        assert [json.loads(text) for text in texts(document)] == items


@given(st.binary(max_size=60) | st.text('[]{}",\\ \n1a:', max_size=60).map(str.encode))
def test_any_bytes_are_split_or_refused(document: bytes) -> None:
    try:
        found = texts(document)
    except json_records.NotJson:
        return
    assert all(text.strip() == text != b"" for text in found)


def is_object(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


bracketed = st.dictionaries(st.text('[]{}"\\,a', max_size=4), st.text('[]{}"\\, a', max_size=4), max_size=2)


@given(
    st.lists(bracketed, max_size=3).map(json.dumps).map(str.encode)
    | st.lists(bracketed.map(json.dumps), max_size=3).map("\n".join).map(str.encode)
    | st.text('[]{}",\\ \n1:', max_size=30).map(str.encode)
)
def test_records_that_are_found_quickly_are_the_right_ones_if_all_are_json(document: bytes) -> None:
    try:
        found = texts(document, is_quick=True)
    except json_records.NotJson:
        return
    if all(map(is_object, found)):
        assert found == texts(document)


def test_brackets_in_texts_are_detected() -> None:
    document = b'[{"a": "}, {"}, {"b": 1}]'
    assert not all(map(is_object, texts(document, is_quick=True)))
    assert texts(document) == [b'{"a": "}, {"}', b'{"b": 1}']
    assert texts(b'[{"a": "[]{}"}, {}]', is_quick=True) == [b'{"a": "[]{}"}', b"{}"]


def test_members_are_the_lists_and_objects_of_an_object_by_their_keys() -> None:
    text = b' {"n": 1, "labels" : [{"labels": []}], "s": "\\"latestLabel\\": {", "latestLabel": {"a": [1]}, "e": {}}'
    found = [(key, text[begin:end]) for key, (begin, end) in json_records.members(text)]
    assert found == [(b"labels", b'[{"labels": []}]'), (b"latestLabel", b'{"a": [1]}'), (b"e", b"{}")]


@given(objects)
def test_members_of_any_object_are_its_containers(value: dict[str, Any]) -> None:
    text = json.dumps(value).encode()
    found = [
        (json.loads(b'"%s"' % key), json.loads(text[begin:end])) for key, (begin, end) in json_records.members(text)
    ]
    assert found == [(key, inside) for key, inside in value.items() if isinstance(inside, list | dict)]
