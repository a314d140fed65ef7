"""Assets and labels as rows: keys, versions, and values without a column."""

import json
import random
from typing import Any

import orjson
import pytest
import yaml
from helpers.exporting import Row, asset, label, named, text
from hypothesis import given
from hypothesis import strategies as st

from pipelines.kili import canonical_json, export, flatten, merge, parse, records
from pipelines.transform import project as dbt_project


def flat(record: Row) -> flatten.FlatAsset:
    return flatten.asset(parse.read_asset(text(record))[0])


def keys(*labels: Row) -> list[str]:
    return [one.key for one in flat(asset("a1", *labels)).labels]


def test_an_asset_gives_this_row() -> None:
    found = flat(
        asset(
            "a1",
            projectId="p1",
            content="https://s/x.jpg?sig=abc",
            status="LABELED",
            jsonMetadata='{"b": 1, "a": [2]}',
            isHoneypot=False,
            honeypotMark=1,
            isUsedForConsensus=True,
            consensusMark=None,
            totalSecondsToLabel=12.5,
            createdAt="2026-01-01T01:00:00+01:00",
            updatedAt="2026-01-01",
            resolution={"width": 2, "height": 1},
            thumbnail=None,
        )
    )
    assert named(records.ASSETS, found.row) == {
        "asset_id": "a1",
        "asset_version": found.version,
        "project_id": "p1",
        "external_id": "a1.jpg",
        "content": "https://s/x.jpg",
        "status": "LABELED",
        "json_metadata": '{"a":[2],"b":1}',
        "is_honeypot": False,
        "honeypot_mark": 1.0,
        "is_used_for_consensus": True,
        "consensus_mark": None,
        "inference_mark": None,
        "skipped": None,
        "total_seconds_to_label": 12.5,
        "created_at": 1767225600_000000,
        "updated_at": 1767225600_000000,
        "extra": '{"resolution":{"height":1,"width":2}}',
    }


def test_a_label_gives_this_row() -> None:
    said = label(
        {"J": {"text": "é"}},
        id="l1",
        author={"id": "u1", "email": "u1@x", "name": "U", "firstname": "Ü", "lastname": None},
        modelName="m",
        skipped=False,
        isSentBackToQueue=None,
        isLatestLabelForUser=True,
        honeypotMark=0.5,
        secondsToLabel=3,
        isLastForStep=True,
        jsonResponseUrl=None,
    )
    found = flat(asset("a1", said))
    (one,) = found.labels
    assert named(records.LABELS, found.label_row(one, 7)) == {
        "label_key": one.key,
        "asset_id": "a1",
        "asset_version": found.version,
        "label_id": "l1",
        "author_id": "u1",
        "author_email": "u1@x",
        "author_name": "U",
        "label_type": "DEFAULT",
        "created_at": 1767261600_000000,
        "model_name": "m",
        "skipped": False,
        "is_sent_back_to_queue": None,
        "is_latest_label_for_user": True,
        "is_honeypot": None,
        "consensus_mark": None,
        "honeypot_mark": 0.5,
        "inference_mark": None,
        "review_score": None,
        "seconds_to_label": 3.0,
        "total_seconds_to_label": None,
        "response_hash": one.response_hash,
        "annotation_count": 7,
        "extra": '{"author":{"firstname":"Ü"},"isLastForStep":true}',
    }
    assert one.json_response == '{"J":{"text":"é"}}'


def test_the_models_have_the_hash_of_an_empty_answer() -> None:
    project = yaml.safe_load((dbt_project.PROJECT / "dbt_project.yml").read_text())
    assert flat(asset("a1", label({}))).labels[0].response_hash == project["vars"]["empty_answer_hash"]


def test_a_label_has_one_key_with_and_without_its_id_and_its_marks() -> None:
    bare, told = label({"J": {}}), label({"J": {}}, id="l1", honeypotMark=1, createdAt="2026-01-01T11:00:00+01:00")
    assert keys(bare) == keys(told)
    assert keys(bare) != keys(label(labelType="REVIEW"))
    assert keys(bare) != keys(label(author={"id": "u2"}))
    assert keys(bare) != keys(label(createdAt="2026-01-01T10:00:00.001Z"))
    assert keys(bare) != keys(label(modelName="m"))


def test_tied_labels_are_numbered_by_answer_in_any_order() -> None:
    one, two = label({"J": {"text": "1"}}), label({"J": {"text": "2"}})
    assert len(set(keys(one, two, one))) == 3
    assert keys(one, two) == keys(two, one)[::-1]


def test_the_version_depends_on_the_stored_values_and_nothing_else() -> None:
    record = asset("a1", label({"J": {"text": "1"}}), label(labelType="REVIEW"), content="https://s/x?sig=1")
    same = [
        record | {"labels": record["labels"][::-1]},
        record | {"content": "https://s/x?sig=2"},
        record | {"thumbnail": None},
        {key: record[key] for key in reversed(record)},
    ]
    other = [
        record | {"status": "TODO"},
        record | {"new": 1},
        record | {"labels": record["labels"][:1]},
        record | {"labels": [label({"J": {"text": "1"}}, honeypotMark=0.5), record["labels"][1]]},
    ]
    version = flat(record).version
    assert {flat(one).version for one in same} == {version}
    assert len({version, *(flat(one).version for one in other)}) == 5


def test_records_of_the_same_asset_are_merged() -> None:
    one, two, both = label({"J": {"text": "1"}}), label({"J": {"text": "2"}}), label({"J": {}})
    found, duplicates = merge.merge_records(
        [
            parse.read_asset(text(record))[0]
            for record in (
                asset("a1", one, both, both, status="TODO", content="c"),
                {"id": "a1", "latestLabel": both, "status": "LABELED", "content": None},
                {"id": "a1", "latestLabels": [None, two, one]},
            )
        ]
    )
    assert (found["status"], found["content"], duplicates) == ("LABELED", "c", 2)
    assert [one.get("jsonResponse") for one in export.labels_of(found)] == [
        {"J": {"text": "1"}},
        {"J": {}},
        {"J": {}},
        {"J": {"text": "2"}},
    ]


EARLIER = label(
    {"J": {"text": "1"}},
    id="l1",
    author={"id": "u1", "email": "u1@example.com", "firstname": "U"},
    honeypotMark=0.5,
    skipped=False,
    secondsToLabel=3,
    step=1,
)
LATER = label(
    {"J": {"text": "2"}}, id="l1", author={"id": "u1", "email": None, "name": "U U"}, honeypotMark=None, skipped=True
)
UNITED = label(
    {"J": {"text": "2"}},
    id="l1",
    author={"id": "u1", "email": "u1@example.com", "firstname": "U", "name": "U U"},
    honeypotMark=0.5,
    skipped=True,
    secondsToLabel=3,
    step=1,
)


@pytest.mark.parametrize(
    "records",
    [
        [asset("a1", EARLIER, LATER)],
        [asset("a1", EARLIER, latestLabel=LATER)],
        [asset("a1", EARLIER, latestLabels=[None, LATER])],
        [asset("a1", EARLIER), asset("a1", LATER)],
        [asset("a1", EARLIER), {"id": "a1", "latestLabel": LATER}],
    ],
    ids=["one list", "latestLabel", "latestLabels", "two pages", "two pages of two exports"],
)
def test_the_same_label_id_twice_in_an_asset_is_one_label(records: list[Row]) -> None:
    """A later null keeps the value of the earlier record."""
    found, duplicates = merge.merge_records([parse.read_asset(text(record))[0] for record in records])
    assert (len(export.labels_of(found)), duplicates) == (1, 1)
    assert flatten.asset(found).labels == flat(asset("a1", UNITED)).labels


@pytest.mark.parametrize(
    ("earlier", "later", "expected"),
    [
        ({"J": {"text": "1"}}, {"J": {"text": "2"}}, {"J": {"text": "2"}}),
        ({"J": {"text": "1"}}, {}, {"J": {"text": "1"}}),
        ({"J": {"text": "1"}}, None, {"J": {"text": "1"}}),
        ({}, None, {}),
        (None, {}, {}),
        ({}, {"J": {"text": "2"}}, {"J": {"text": "2"}}),
    ],
)
def test_an_empty_answer_of_the_same_label_never_replaces_a_full_one(earlier: Any, later: Any, expected: Any) -> None:
    labels = [label(id="l1") | {"jsonResponse": response} for response in (earlier, later)]
    found, _ = merge.merge_records([parse.read_asset(text(asset("a1", *labels)))[0]])
    assert [one.get("jsonResponse") for one in export.labels_of(found)] == [expected]


def test_a_label_without_an_id_under_two_keys_of_an_asset_is_one_label() -> None:
    one, two = label({"J": {"text": "1"}}), label({"J": {"text": "2"}})
    record = asset("a1", one, one, latestLabels=[two, one], latestLabel=two)
    found, duplicates = merge.merge_records([parse.read_asset(text(record))[0]])
    answers = [one["jsonResponse"] for one in export.labels_of(found)]
    assert (answers, duplicates) == ([{"J": {"text": "1"}}, {"J": {"text": "1"}}, {"J": {"text": "2"}}], 2)


def test_tied_labels_are_numbered_after_duplicates_are_merged() -> None:
    one, two = label({"J": {"text": "1"}}, id="l1"), label({"J": {"text": "2"}}, id="l2")
    found, _ = merge.merge_records([parse.read_asset(text(asset("a1", one, two, one)))[0]])
    assert [one.key for one in flatten.asset(found).labels] == keys(one, two)


def test_many_labels_of_one_asset_are_merged_in_linear_time() -> None:
    parts = [parse.read_asset(text(label(id=f"l{n}", assetId="a1")), is_label=True)[0] for n in range(5000)]
    found, duplicates = merge.merge_records(parts + parts)
    assert (len(export.labels_of(found)), duplicates) == (5000, 5000)


json_values: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(), inside, max_size=3),
)


@given(json_values, st.randoms())
def test_equal_values_give_equal_text(value: Any, chance: random.Random) -> None:
    def shuffled(item: Any) -> Any:
        if isinstance(item, dict):
            return {key: shuffled(item[key]) for key in chance.sample(list(item), len(item))}
        return [shuffled(one) for one in item] if isinstance(item, list) else item

    assert (
        canonical_json.dumps(shuffled(value)) == canonical_json.dumps(value) == b"".join(canonical_json._pieces(value))
    )
    assert json.loads(canonical_json.text(value)) == json.loads(orjson.dumps(value))


def test_deep_values_are_written_like_shallow_ones() -> None:
    deep: Any = {"b": 1, "a": []}
    for _ in range(300):
        deep = {"x": [deep], "é": 1.5}
    assert canonical_json.text(deep) == '{"x":[' * 300 + '{"a":[],"b":1}' + '],"é":1.5}' * 300


def test_keys_and_versions_are_those_of_the_first_release() -> None:
    """With other keys, warehouses would hold labels twice. A new column changes asset versions, but no label key."""
    record = asset(
        "a1",
        label({"J": {"text": "1"}}),
        {
            "id": "l2",
            "author": {"id": "u2"},
            "createdAt": "2026-01-01T10:00:00.5+01:00",
            "labelType": "PREDICTION",
            "modelName": "m",
            "jsonResponse": {},
            "secondsToLabel": 3,
        },
        externalId="x",
        status="LABELED",
    )
    found = flat(record)
    assert [one.key for one in found.labels] == ["b580e74dca4662902dae044bd39a3ec8", "6ec1851cef6743c3ed967ab9b5785115"]
    assert found.version == "2036ccc85c12916d90b7f0d161c9bc04"
