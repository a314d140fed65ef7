"""Validation of records: values that are read, and reasons of rejection."""

import json
from datetime import datetime
from typing import Any

import pytest
from helpers.exporting import asset, label, text

from pipelines.kili import export, faults, parse

GOOD = label({"J": {"text": "good"}}, id="l-good")


def nest(levels: int) -> str:
    return '{"J":{"categories":[{"name":"A","children":' * levels + "{}" + "}]}}" * levels


def raw_label(**fields: str) -> bytes:
    """A label whose fields are given as JSON text."""
    said = {"labelType": '"DEFAULT"', "createdAt": '"2026-01-01T00:00:00Z"', **fields}
    return ("{" + ",".join(f'"{key}":{value}' for key, value in said.items()) + "}").encode()


def raw_asset(*labels: bytes, **fields: str) -> bytes:
    more = "".join(f'"{key}":{value},' for key, value in fields.items()).encode()
    return b'{"id":"a1","externalId":"x",%b"labels":[%b]}' % (more, b",".join(labels))


SURROGATE = "a text holds half of a surrogate pair (\\ud800 to \\udfff alone), which is not Unicode"
NO_DATE = "should be an ISO 8601 date-time, such as 2026-01-31T12:00:00Z, or epoch milliseconds from 1e11 on"
NO_YEAR = "outside the years 1 to 9999 in UTC"
BROKEN_LABELS = {
    "no type": (b'{"createdAt":"2026-01-01T00:00:00Z"}', "labelType is missing"),
    "null": (b"null", "the record should be a JSON object, found null"),
    "a number": (b"5", "the record should be a JSON object, found a number"),
    "a date in words": (raw_label(createdAt='"yesterday"'), f"createdAt {NO_DATE}, found a text"),
    "a date of another kind": (raw_label(createdAt='"01/02/2026 10:00"'), f"createdAt {NO_DATE}, found a text"),
    "epoch seconds": (raw_label(createdAt="1700000000"), f"createdAt {NO_DATE}, found a number"),
    "epoch seconds in a text": (raw_label(createdAt='"1700000000"'), f"createdAt {NO_DATE}, found a text"),
    "too few milliseconds": (raw_label(createdAt="99999999999.5"), f"createdAt {NO_DATE}, found a number"),
    "milliseconds before 1970": (raw_label(createdAt="-1700000000000"), f"createdAt {NO_DATE}, found a number"),
    "a date that is a flag": (raw_label(createdAt="true"), f"createdAt {NO_DATE}, found true or false"),
    "no such day": (
        raw_label(createdAt='"2026-02-30T00:00:00Z"'),
        "createdAt should be a valid datetime or date, day value is outside expected range, found a text",
    ),
    "before year 1 in UTC": (raw_label(createdAt='"0001-01-01T00:00:00+05:00"'), f"createdAt is {NO_YEAR}"),
    "after year 9999 in UTC": (raw_label(createdAt='"9999-12-31T23:59:59-05:00"'), f"createdAt is {NO_YEAR}"),
    "milliseconds after year 9999": (raw_label(createdAt="253402300800000"), f"createdAt is {NO_YEAR}"),
    "milliseconds beyond any year": (raw_label(createdAt="1e30"), f"createdAt is {NO_YEAR}"),
    "a change after year 9999": (raw_label(updatedAt='"9999-12-31T23:59:59-05:00"'), f"updatedAt is {NO_YEAR}"),
    "a change in epoch seconds": (raw_label(updatedAt="1700000000"), f"updatedAt {NO_DATE}, found a number"),
    "a flag that is a text": (
        raw_label(skipped='"perhaps"'),
        "skipped should be a valid boolean, unable to interpret input, found a text",
    ),
    "a type that is a flag": (
        raw_label(labelType="false"),
        "labelType should be a valid string, found true or false",
    ),
    "an e-mail that is an object": (
        raw_label(author='{"email":{}}'),
        "author.email should be a valid string, found an object",
    ),
    "an author that is a text": (raw_label(author='"ana"'), "author should be a JSON object, found a text"),
    "NaN": (raw_label(jsonResponse='{"J":{"score":NaN}}'), "NaN or Infinity is not a JSON number"),
    "Infinity": (raw_label(honeypotMark="-Infinity"), "NaN or Infinity is not a JSON number"),
    "1e400": (raw_label(jsonResponse='{"J":{"score":1e400}}'), "a number is too large: beyond 1.8e308"),
    "half a surrogate": (raw_label(jsonResponse='{"J":{"text":"\\ud800"}}'), SURROGATE),
    "half a surrogate in a string of JSON": (
        raw_label(jsonResponse=json.dumps('{"J":{"text":"\\ud800"}}')),
        f"jsonResponse holds a text that cannot be read: {SURROGATE}, found a text",
    ),
    "a string that holds no JSON": (
        raw_label(jsonResponse='"{"'),
        "jsonResponse holds a text that cannot be read: not JSON: Expecting property name enclosed in double quotes: "
        "line 1 column 2 (char 1), found a text",
    ),
    "an answer that is a list": (
        raw_label(jsonResponse="[]"),
        "jsonResponse should be a JSON object, found a list",
    ),
    "a word that is none": (
        raw_label(jsonResponse='{"J":tru}'),
        "not JSON: Expecting value: line 1 column 85 (char 84)",
    ),
    "bytes that are no UTF-8": (
        raw_label(jsonResponse='{"J":"@"}').replace(b"@", b"\xff"),
        "not UTF-8 text: byte 85 of the record",
    ),
    "a control character": (
        raw_label(jsonResponse='{"J":"\n"}'),
        "not JSON: Invalid control character at: line 1 column 86 (char 85)",
    ),
    "5,000 levels": (
        raw_label(jsonResponse=nest(5000)),
        "nested too deeply to be read: more than 1,024 brackets in one another",
    ),
}


@pytest.mark.parametrize("name", BROKEN_LABELS)
def test_a_broken_label_is_rejected_alone_with_its_own_text(name: str) -> None:
    broken, reason = BROKEN_LABELS[name]
    found, rejected = parse.read_asset(raw_asset(text(GOOD), broken, text(GOOD)))
    assert [one["id"] for one in export.labels_of(found)] == ["l-good", "l-good"]
    assert [(one.location, _kind_of(one.reason)) for one in rejected] == [("/labels/1", _kind_of(reason))]
    assert rejected[0].raw == broken.decode("utf-8", "backslashreplace")


def _kind_of(reason: str) -> str:
    """The reason without the position of the character, which depends on the surrounding text."""
    return reason.split(" line ")[0].split(" byte ")[0]


@pytest.mark.parametrize("name", [name for name in BROKEN_LABELS if name not in ("null", "a number")])
def test_a_broken_label_of_a_list_of_labels_is_rejected(name: str) -> None:
    broken, reason = BROKEN_LABELS[name]
    raw = b'{"assetId":"a1",' + broken[1:]
    assert [_kind_of(said) for said in _rejected_labels(raw)] == [_kind_of(reason)]


def _rejected_labels(raw: bytes) -> list[str]:
    """The reason why a label of a list is rejected, with or without its asset's name from the same text."""
    try:
        found, rejected = parse.read_asset(raw, is_label=True)
    except faults.BrokenRecord as error:
        return [str(error)] * error.label_count
    return [] if export.labels_of(found) or found["id"] != "a1" else [one.reason for one in rejected]


BROKEN_ASSETS = {
    "no id": (b'{"externalId":"x","labels":[{}]}', "id is missing", (None, "x", 1)),
    "an empty id": (b'{"id":"","labels":[{}]}', "id is empty", ("", None, 1)),
    "an id that is a flag": (
        b'{"id":true,"externalId":7}',
        "id should be a valid string, found true or false",
        (None, "7", 0),
    ),
    "an id that is an object": (b'{"id":{}}', "id should be a valid string, found an object", (None, None, 0)),
    "an external id that is a list": (
        b'{"id":5,"externalId":[]}',
        "externalId should be a valid string, found a list",
        ("5", None, 0),
    ),
    "a bad date": (b'{"id":"a1","createdAt":5,"labels":[{}]}', f"createdAt {NO_DATE}", ("a1", None, 1)),
    "a bad change": (b'{"id":"a1","updatedAt":"0001-01-01T00:00+05:00"}', f"updatedAt is {NO_YEAR}", ("a1", None, 0)),
    "a list": (b"[1]", "an asset is a JSON object, this is a list", (None, None, 0)),
    "a text": (b'"a1"', "an asset is a JSON object, this is a text", (None, None, 0)),
    "labels that are a text": (b'{"id":"a1","labels":"x"}', "labels should be a list, found a text", ("a1", None, 0)),
    "labels by name": (b'{"id":"a1","labels":{"a":{}}}', "labels should be a list, found an object", ("a1", None, 0)),
    "NaN": (raw_asset(b"{}", b"{}", jsonMetadata="NaN"), "NaN or Infinity is not a JSON number", ("a1", "x", 2)),
    "half a surrogate": (raw_asset(b"{}", content='"\\udc00"'), SURROGATE, ("a1", "x", 1)),
    "half a surrogate in the id": (b'{"id":"\\ud800","labels":[{}]}', SURROGATE, (None, None, 1)),
    "a broken word": (b'{"id":"a1","x":nul}', "not JSON: Expecting value:", (None, None, 0)),
    "5,000 levels": (
        raw_asset(b"{}", jsonMetadata="[" * 5000 + "]" * 5000),
        "nested too deeply to be read: more than 1,024 brackets in one another",
        (None, None, 1),
    ),
}


@pytest.mark.parametrize("name", BROKEN_ASSETS)
def test_a_broken_asset_is_rejected_with_its_readable_part(name: str) -> None:
    raw, reason, told = BROKEN_ASSETS[name]
    with pytest.raises(faults.BrokenRecord) as caught:
        parse.read_asset(raw)
    error = caught.value
    assert str(error).startswith(reason)
    assert (error.asset_id, error.external_id, error.label_count) == told


def test_a_label_without_an_asset_is_rejected_with_that_reason() -> None:
    with pytest.raises(faults.BrokenRecord, match="the label does not name its asset"):
        parse.read_asset(text(label()), is_label=True)


def test_200_nested_jobs_are_read() -> None:
    found, broken = parse.read_asset(raw_asset(raw_label(jsonResponse=nest(200))))
    assert (len(export.labels_of(found)), broken) == (1, [])


@pytest.mark.parametrize(
    ("container", "value", "expected"),
    [
        ("labels", [GOOD, GOOD], 2),
        ("labels", [], 0),
        ("labels", None, 0),
        ("latestLabel", GOOD, 1),
        ("latestLabel", None, 0),
        ("latestLabels", [None, GOOD, None], 1),
        ("latestLabels", [None], 0),
    ],
)
@pytest.mark.parametrize("is_salvaged", [False, True])
def test_labels_are_found_under_each_of_their_keys(
    container: str, value: Any, expected: int, is_salvaged: bool
) -> None:
    record = {"id": "a1", container: value} | (
        {"labels": [5, *(value or [])]} if is_salvaged and container == "labels" else {}
    )
    if is_salvaged and container != "labels":
        record["labels"] = [5]
    found, broken = parse.read_asset(text(record))
    assert (len(export.labels_of(found)), len(broken)) == (expected, int(is_salvaged))
    if expected:
        assert container in found


def test_json_in_strings_is_read() -> None:
    record = asset("a1", label() | {"jsonResponse": '{"J": {"text": "a"}}'}, jsonMetadata='{"k": [1]}')
    found, _ = parse.read_asset(text(record))
    assert found["jsonMetadata"] == {"k": [1]}
    assert export.labels_of(found)[0]["jsonResponse"] == {"J": {"text": "a"}}


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00+00:00"),
        ("2026-01-01 01:02+0530", "2026-01-01T01:02:00+05:30"),
        ("2026-01-01T00:00:00.123456789", "2026-01-01T00:00:00.123456"),
        ("2026-01-01", "2026-01-01T00:00:00"),
        ("0001-01-01T00:00:00-05:00", "0001-01-01T00:00:00-05:00"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999+00:00"),
        (1e11, "1973-03-03T09:46:40+00:00"),
        (1767225600123, "2026-01-01T00:00:00.123000+00:00"),
        (253402300799999, "9999-12-31T23:59:59.999000+00:00"),
    ],
)
def test_dates_are_texts_of_iso_8601_or_epoch_milliseconds(date: Any, expected: str) -> None:
    record = asset("a1", label(createdAt=date, updatedAt=date), createdAt=date, updatedAt=date)
    found, broken = parse.read_asset(text(record))
    (one,) = export.labels_of(found)
    assert ([found["createdAt"], found["updatedAt"], one["createdAt"]], broken) == (
        [datetime.fromisoformat(expected)] * 3,
        [],
    )
    assert one["updatedAt"] == date


@pytest.mark.parametrize(
    "number",
    ["1024", "0", "-7", "1.5", "1.0", "1.50", "1E5", "18446744073709551616", "-123456789012345678901234567890"],
)
def test_a_number_where_a_text_is_expected_is_that_text(number: str) -> None:
    texts = ("id", "projectId", "externalId", "content", "status")
    author = "{" + ",".join(f'"{key}":{number}' for key in ("id", "email", "name")) + "}"
    one = raw_label(**{**dict.fromkeys(("id", "labelType", "modelName"), number), "author": author})
    raw = b'{%b,"labels":[%b,5]}' % (",".join(f'"{key}":{number}' for key in texts).encode(), one)
    for record in (raw, raw.replace(b",5]", b"]")):
        found, _ = parse.read_asset(record)
        (said,) = export.labels_of(found)
        assert [found.get(key) for key in texts] == [number] * 5
        assert [said.get(key) for key in ("id", "labelType", "modelName")] == [number] * 3
        assert said["author"] == dict.fromkeys(("id", "email", "name"), number)


def test_a_number_in_an_answer_or_under_a_key_without_a_column_stays_a_number() -> None:
    said = label({"J": {"id": 1.5, "name": 2**70}}, id=1.5, name=2.5, status=7)
    found, _ = parse.read_asset(text(asset("a1", said, email=1.5, number=2)))
    (one,) = export.labels_of(found)
    assert (one["jsonResponse"], one["name"], one["status"]) == (  # type: ignore[typeddict-item]
        {"J": {"id": 1.5, "name": 2.0**70}},
        2.5,
        7,
    )
    assert (found["email"], found["number"]) == (1.5, 2)  # type: ignore[typeddict-item]


@pytest.mark.parametrize("blank", ["", " \n"])
def test_a_blank_string_is_an_empty_answer(blank: str) -> None:
    found, _ = parse.read_asset(text(asset("a1", label() | {"jsonResponse": blank})))
    assert export.labels_of(found)[0]["jsonResponse"] == {}


@pytest.mark.parametrize("value", ["plain", "5", "null", '"quoted"', "{broken", [1], 5, None])
def test_metadata_may_be_anything_and_texts_stay_texts(value: Any) -> None:
    assert parse.read_asset(text(asset("a1", jsonMetadata=value)))[0]["jsonMetadata"] == value


def test_signatures_are_also_removed_from_json_in_strings() -> None:
    inner = json.dumps({"J": {"text": "https://s/x?sig=abc"}})
    record = asset("a1", label() | {"jsonResponse": inner}, jsonMetadata=inner, content="https://s/x?sig=abc")
    for raw in (text(record), text(record | {"labels": [*record["labels"], 5]})):
        assert "abc" not in str(parse.read_asset(raw)[0])


def repeated(key: str, pointer: str) -> str:
    return f'the key "{key}" is given more than once in one object, at {pointer}'


REPEATED_IN_LABELS = {
    "the label": (raw_label(**{"status": "1", "\\u0073tatus": "2"}), "status", "/status"),
    "null, then a value": (raw_label(skipped="null", **{"skippe\\u0064": "true"}), "skipped", "/skipped"),
    "the author": (raw_label(author='{"id":"u","email":"a","email":null}'), "email", "/author/email"),
    "an answer": (raw_label(jsonResponse='{"J":{"text":"a"},"J":{}}'), "J", "/jsonResponse/J"),
    "equal values": (raw_label(jsonResponse='{"J":{"text":"a","text":"a"}}'), "text", "/jsonResponse/J/text"),
    "in a list": (
        raw_label(jsonResponse='{"J":{"categories":[{"name":"A"},{"name":"B","name":"B"}]}}'),
        "name",
        "/jsonResponse/J/categories/1/name",
    ),
    "an answer in a string": (
        raw_label(jsonResponse=json.dumps('{"J":{"text":"a","text":"b"}}')),
        "text",
        "/jsonResponse/J/text",
    ),
    "beside escaped colons": (
        raw_label(jsonResponse='{"J":{"a/~":1,"a/~":"\\u003A \\\\u003a"}}'),
        "a/~",
        "/jsonResponse/J/a~1~0",
    ),
    "deep in lists": (
        raw_label(jsonResponse='{"J":' + "[" * 1000 + '{"a":1,"a":2}' + "]" * 1000 + "}"),
        "a",
        "/jsonResponse/J" + "/0" * 1000 + "/a",
    ),
    "a key without a column": (raw_label(later='{"":1,"":2}'), "", "/later/"),
}


@pytest.mark.parametrize("name", REPEATED_IN_LABELS)
def test_a_label_that_repeats_a_key_is_rejected_alone_with_pointer_and_key(name: str) -> None:
    broken, key, pointer = REPEATED_IN_LABELS[name]
    found, rejected = parse.read_asset(raw_asset(text(GOOD), broken), location="/7")
    assert [one["id"] for one in export.labels_of(found)] == ["l-good"]
    reason = repeated(key, f"/7/labels/1{pointer}")
    assert rejected == [faults.BrokenLabel("/labels/1", reason, broken.decode())]


@pytest.mark.parametrize("name", REPEATED_IN_LABELS)
def test_a_label_of_a_list_that_repeats_a_key_is_rejected(name: str) -> None:
    broken, key, pointer = REPEATED_IN_LABELS[name]
    assert _rejected_labels(b'{"assetId":"a1",' + broken[1:]) == [repeated(key, pointer)]


REPEATED_IN_ASSETS = {
    "a value": (b'{"id":"a1","status":null,"status":"X","labels":[{}]}', "status", "/status", 1),
    "the id": (b'{"id":"a0","id":"a1","labels":[{},{}]}', "id", "/id", 2),
    "metadata": (b'{"id":"a1","jsonMetadata":{"k":{"a":1,"a":1}},"labels":[]}', "a", "/jsonMetadata/k/a", 0),
    "metadata in a string": (
        b'{"id":"a1","jsonMetadata":"{\\"a\\":1,\\"a\\":2}","labels":[{}]}',
        "a",
        "/jsonMetadata/a",
        1,
    ),
    "labels": (b'{"id":"a1","labels":[{},{}],"labels":[{},null,5]}', "labels", "/labels", 5),
    "labels with an escape": (b'{"id":"a1","labels":[{},{}],"lab\\u0065ls":[{}]}', "labels", "/labels", 3),
    "latest labels": (
        b'{"id":"a1","latestLabel":{},"latestLabel":{},"latestLabels":[null,{}],"latestLabels":[]}',
        "latestLabel",
        "/latestLabel",
        3,
    ),
    "the last of two labels lists is null": (b'{"id":"a1","labels":[{}],"labels":null}', "labels", "/labels", 1),
    "itself and a label": (b'{"id":"a1","x":1,"x":2,"labels":[{"y":1,"y":2}]}', "x", "/x", 1),
}


@pytest.mark.parametrize("name", REPEATED_IN_ASSETS)
def test_an_asset_that_repeats_a_key_is_rejected_with_the_labels_of_every_repeated_list(name: str) -> None:
    raw, key, pointer, labels = REPEATED_IN_ASSETS[name]
    with pytest.raises(faults.BrokenRecord) as caught:
        parse.read_asset(raw, location="/7")
    error = caught.value
    assert (str(error), error.asset_id, error.label_count) == (repeated(key, f"/7{pointer}"), "a1", labels)


def test_a_key_that_comes_again_in_another_object_or_in_a_text_is_not_repeated() -> None:
    said = label({"J": {"text": '{"a":1,"a":2}', "children": {"J": {"text": ":"}}}}, note='"id":1,"id":\\u003a')
    raw = text(asset("a1", said, said | {"id": "l2"}, jsonMetadata='"a":1,"a":2')).replace(b'"note"', b'"n\\u003ate"')
    assert b"\\u003a" in raw
    assert parse.read_asset(raw)[1] == []


def test_unknown_keys_are_kept() -> None:
    record = asset("a1", label(assetStep={"name": "s"}), jsonContent=["a"], __typename="Asset")
    found, _ = parse.read_asset(text(record))
    assert found["jsonContent"] == ["a"]  # type: ignore[typeddict-item]
    assert export.labels_of(found)[0]["assetStep"] == {"name": "s"}  # type: ignore[typeddict-item]


def test_characters_that_are_text_stay_text() -> None:
    odd = "\0 \x07 \u2028 \ufffe 😀 \x7f"
    found, broken = parse.read_asset(text(asset("a1", label({"J": {"text": odd}}), externalId=odd)))
    assert (found["externalId"], broken) == (odd, [])
