"""Reading one export: counts, rejects, and rows that fit the real tables."""

import gzip
import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.exporting import REAL, Read, annotations, asset, assets_of, label, named, read, text, written

from pipelines.kili import canonical_json, flatten, records, versions
from pipelines.kili import reader as reading
from pipelines.kili.annotations import answer_levels
from pipelines.landing import discovery

DUCKDB = duckdb.connect()
GOOD = asset("good", label({"J": {"text": "x"}}))

COUNTS: dict[str, tuple[int, int, int]] = {
    "api_assets_list.json": (5, 11, 11),
    "api_labels_flat.json": (5, 11, 11),
    "consensus_latest_from_all_steps_per_asset.zip": (1, 2, 2),
    "consensus_latest_from_last_step_per_asset.zip": (1, 2, 2),
    "file_job_single_file.zip": (1, 1, 2),
    "geospatial_geojson.zip": (0, 0, 0),
    "geospatial_latest_single_file.zip": (1, 1, 5),
    "geospatial_rich_normal_single_file.zip": (1, 1, 10),
    "image_latest_normalized_False.zip": (1, 1, 11),
    "image_latest_normalized_True.zip": (1, 1, 11),
    "image_latest_per_asset.zip": (1, 1, 11),
    "image_latest_single_file.zip": (1, 1, 11),
    "image_relation_single_file.zip": (1, 1, 4),
    "image_rotated90_single_file.zip": (1, 1, 1),
    "image_semantic_3assets_single_file.zip": (3, 3, 5),
    "llm_dynamic_export.json": (0, 0, 0),
    "llm_raw_latest_single_file.zip": (1, 1, 2),
    "llm_rlhf_export.json": (0, 0, 0),
    "llm_static_export.json": (0, 0, 0),
    "pdf_latest_per_asset.zip": (1, 1, 4),
    "pdf_ner_single_file.zip": (1, 1, 1),
    "review_latest_from_all_steps_single_file.zip": (6, 8, 16),
    "review_latest_from_last_step_single_file.zip": (6, 8, 16),
    "review_latest_no_sent_back.zip": (5, 5, 8),
    "review_latest_of_prediction_only.zip": (0, 0, 0),
    "review_latest_single_file.zip": (6, 6, 9),
    "review_normal_no_sent_back.zip": (5, 7, 15),
    "review_normal_per_asset.zip": (5, 8, 18),
    "review_normal_single_file.zip": (6, 9, 19),
    "video_latest_per_asset.zip": (1, 1, 2),
    "video_normal_single_file.zip": (13, 13, 200),
}


def test_every_real_export_is_read() -> None:
    found = {path.name: read(path) for path in REAL.glob("*.[jz]*")}
    assert {
        name: (len(one.assets), one.ledger["label_count"], len(one.annotations)) for name, one in found.items()
    } == COUNTS
    rejected = sorted(name for name, one in found.items() if one.rejects)
    assert rejected == [
        "geospatial_geojson.zip",
        "llm_dynamic_export.json",
        "llm_rlhf_export.json",
        "llm_static_export.json",
    ]
    assert all(found[name].ledger["is_rejected"] and len(found[name].rejects) == 1 for name in rejected)


def test_the_same_labels_from_an_archive_and_from_dumps_have_the_same_keys() -> None:
    keys = {
        name: sorted(label.key for one in read(REAL / name).assets for label in one.labels)
        for name in ("api_assets_list.json", "api_labels_flat.json")
    }
    assert keys["api_assets_list.json"] == keys["api_labels_flat.json"]
    whole, sent_back = (
        {label.key for one in read(REAL / name).assets for label in one.labels}
        for name in ("review_normal_single_file.zip", "review_normal_no_sent_back.zip")
    )
    assert sent_back < whole


def test_an_export_has_this_ledger_row(tmp_path: Path) -> None:
    path = written(
        tmp_path / "x.json",
        [
            {"externalId": "no id", "labels": [label(), label()]},
            asset("a1", label(createdAt="2026-03-01T00:00:00Z"), {"labelType": "DEFAULT"}, projectId="p9"),
            asset("a1", label(createdAt="2026-03-01T00:00:00Z"), label(updatedAt="2026-04-01T00:00:00Z")),
            asset("a2", updatedAt="2026-02-01T00:00:00Z"),
            7,
        ],
    )
    found = read(path)
    del found.ledger["loaded_at"]
    assert found.ledger == {
        "export_id": "e1",
        "file_url": str(path),
        "layout": "json_list",
        "label_container": "labels",
        "export_type": None,
        "project_id": "p9",
        "project_name": None,
        "as_of": 1775001600_000000,
        "size_bytes": 1,
        "asset_count": 5,
        "label_count": 6,
        "annotation_count": 0,
        "rejected_asset_count": 2,
        "rejected_label_count": 3,
        "duplicate_asset_count": 1,
        "duplicate_label_count": 1,
        "unchanged_asset_count": 0,
        "is_rejected": False,
        "loader_version": versions.LOADER_VERSION,
    }
    assert found.reasons == [
        (None, "/0", "id is missing"),
        (None, "/1/labels/1", "createdAt is missing"),
        (None, "/4", "an asset is a JSON object, this is a number"),
    ]
    reject = found.rejects[1]
    assert (reject["asset_id"], reject["external_id"], json.loads(reject["raw"])) == (
        "a1",
        "a1.jpg",
        {"labelType": "DEFAULT"},
    )


@pytest.mark.parametrize("container", ["latestLabel", "latestLabels"])
def test_the_label_container_is_found_even_if_the_first_asset_is_broken_or_empty(
    tmp_path: Path, container: str
) -> None:
    value = label() if container == "latestLabel" else [label(), 5]
    path = written(tmp_path / "x.json", [{"id": "a0", container: None}, {"id": "a1", container: value}])
    assert read(path).ledger["label_container"] == container


@pytest.mark.parametrize(
    "record",
    [
        b'{"id":"l1","labelType":"DEFAULT","createdAt":"2026-01-01T00:00:00Z","assetId":"a1","jsonResponse":{"J":NaN}}',
        b'{"id":"l1","createdAt":"2026-01-01T00:00:00Z","labelOf":{"id":"a1"},"jsonResponse":{}}',
        b'{"id":"l1","jsonResponse":{}}',
        b'{"id":"l1","labelType":"DEFAULT","labelOf":{"id":true}}',
        b'{"id":"l1","labelType":"DEFAULT","labelOf":"a1"}',
    ],
    ids=["NaN", "no type", "no asset", "an id that is a flag", "an asset that is a text"],
)
def test_a_broken_label_is_never_read_as_an_asset(tmp_path: Path, record: bytes) -> None:
    good = text(label(assetId="good"))
    found = read(written(tmp_path / "x.json", b"[%b,%b]" % (good, record)))
    assert {one.asset_id for one in found.assets} <= {"good", "a1"}
    assert [(reject["location"]) for reject in found.rejects] == ["/1"]
    assert (found.ledger["label_count"], found.ledger["rejected_label_count"]) == (2, 1)


@pytest.mark.parametrize("number", ["12", "0", "1.50", "1e5", "123456789012345678901234567890"])
def test_records_that_write_an_asset_id_as_number_and_as_text_are_of_one_asset(tmp_path: Path, number: str) -> None:
    one, two, three = (text(label(id=f"l{n}")) for n in range(3))
    assets = [b'{"id":%b,"labels":[%b]}' % (asset_id, one) for asset_id in (number.encode(), text(number))]
    found = read(written(tmp_path / "assets.json", b"[%b,%b]" % (*assets,)))
    assert [(one.asset_id, len(one.labels)) for one in found.assets] == [(number, 1)]
    named = [b'{"assetId":%b,' % number.encode(), b'{"assetId":"%b",' % number.encode()]
    named.append(b'{"labelOf":{"id":%b},' % number.encode())
    labels = [start + said[1:] for start, said in zip(named, (one, two, three), strict=True)]
    found = read(written(tmp_path / "labels.json", b"[%b]" % b",".join(labels)))
    assert [(one.asset_id, len(one.labels)) for one in found.assets] == [(number, 3)]
    assert not found.rejects


def test_records_that_repeat_a_key_are_rejected_with_their_labels_and_text(tmp_path: Path) -> None:
    good = text(label({"J": {"text": "x"}}, id="l1"))
    bad_label = good[:-1] + b',"id":"l2"}'
    twice = b'{"id":"a2","labels":[%b,%b],"labels":[%b]}' % (good, bad_label, good)
    found = read(written(tmp_path / "x.json", b'[{"id":"a1","labels":[%b,%b]},%b]' % (good, bad_label, twice)))
    assert [(one.asset_id, len(one.labels)) for one in found.assets] == [("a1", 1)]
    counts = ("asset_count", "rejected_asset_count", "label_count", "rejected_label_count")
    assert [found.ledger[name] for name in counts] == [2, 1, 5, 4]
    said = [(reject["location"], reject["asset_id"], reject["raw"], reject["reason"]) for reject in found.rejects]
    assert said == [
        (
            "/0/labels/1",
            "a1",
            bad_label.decode(),
            'the key "id" is given more than once in one object, at /0/labels/1/id',
        ),
        ("/1", "a2", twice.decode(), 'the key "labels" is given more than once in one object, at /1/labels'),
    ]


def test_the_same_asset_with_a_broken_copy_is_one_asset(tmp_path: Path) -> None:
    broken = b'{"id":"good","labels":[{"a":NaN}]}'
    found = read(written(tmp_path / "x.json", b"[%b,%b]" % (text(GOOD), broken)))
    assert [one.asset_id for one in found.assets] == ["good"]
    assert found.ledger["duplicate_asset_count"] == 1
    assert [location for _, location, _ in found.reasons] == ["/1/labels/0"]


@pytest.mark.parametrize("is_packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("lines", "broken"),
    [
        (["GOOD", '{"id": "b", "labels": [', "GOOD", '{"id": "c", "x": "}', "GOOD", '{"id": "d", "x": "'], [1, 3, 5]),
        (['{"id": "b", "labels": [', "GOOD", "GOOD"], [0]),
        (["GOOD", "GOOD", '{"id": "b", "labels": [{"crea'], [2]),
        (["503 Service Unavailable", "GOOD", "GOOD"], [0]),
    ],
    ids=["in the middle", "the first", "the last, cut", "text"],
)
def test_a_broken_line_is_one_reject_and_the_others_load(
    tmp_path: Path, lines: list[str], broken: list[int], is_packed: bool
) -> None:
    whole = [json.dumps(asset(f"a{n}")) if line == "GOOD" else line for n, line in enumerate(lines)]
    content = "\n".join(whole).encode()
    found = read(written(tmp_path / "x", gzip.compress(content) if is_packed else content))
    assert [one.asset_id for one in found.assets] == [f"a{n}" for n, line in enumerate(lines) if line == "GOOD"]
    assert [location for _, location, _ in found.reasons] == [f"/{n}" for n in broken]
    assert (found.ledger["layout"], found.ledger["asset_count"]) == ("json_lines", len(lines))


@pytest.mark.parametrize("said", ["{", "}", "]", "}, {", '"}', "\\", "[{}]"])
def test_brackets_in_texts_have_no_effect(tmp_path: Path, said: str) -> None:
    record = asset("a1", label({"J": {"text": said}}), externalId=said)
    for indent in (None, 1):
        found = read(written(tmp_path / "x.json", json.dumps([record, GOOD], indent=indent).encode()))
        assert [one.asset_id for one in found.assets] == ["a1", "good"]
        assert [one["text"] for one in annotations(found.assets[0].labels[0].response)] == [said]
        assert not found.rejects


def test_an_answer_of_200_nested_jobs_loads_and_one_of_5000_is_rejected(tmp_path: Path) -> None:
    def nest(levels: int) -> bytes:
        answer = b'{"J":{"categories":[{"name":"A","children":' * levels + b"{}" + b"}]}}" * levels
        return text(label(createdAt=f"2026-01-01T00:00:0{levels % 7}Z")).replace(
            b'"jsonResponse": {}', b'"jsonResponse":' + answer
        )

    record = b'{"id":"deep","labels":[%b,%b]}' % (nest(200), nest(5000))
    found = read(written(tmp_path / "x.json", b"[%b,%b]" % (record, text(GOOD))))
    assert [(one.asset_id, len(one.labels)) for one in found.assets] == [("deep", 1), ("good", 1)]
    assert len(annotations(found.assets[0].labels[0].response)) == 200
    assert [location for _, location, _ in found.reasons] == ["/0/labels/1"]
    into_duckdb(found)


def test_a_file_of_records_that_name_no_asset_is_rejected_whole(tmp_path: Path) -> None:
    found = read(written(tmp_path / "x.json", b"[" + b"{}," * 20_000 + b"{}]"))
    assert [reason for _, _, reason in found.reasons] == [
        "no Kili export: 10,001 of its first 10,001 records name no asset"
    ]


def test_rejects_are_yielded_with_their_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_BATCH_BYTES", 1)
    path = written(tmp_path / "x.json", [1, GOOD, 2, asset("a2")])
    new = reading.NewExport(discovery.Landed("x", path), "e1", 1)
    reader = reading.Reader(new, None, ZoneInfo("UTC"))
    counts = []
    for batch in assets_of(reader):
        counts.append((len(batch), len(reader.rejects)))
        reader.rejects = []
    assert counts == [(0, 1), (1, 0), (0, 1), (1, 0)]
    assert reader.ledger_row()["is_rejected"] is False


ODD = "a\0b\x07\u2028\ufffe😀"


def test_any_text_is_stored_and_read_back_unchanged(tmp_path: Path) -> None:
    record = asset(
        ODD,
        label(
            {ODD: {"text": ODD}, "K": {"categories": [{"name": ODD, ODD: ODD}]}, "L": 5},
            author={"id": ODD, "name": ODD},
        ),
        label({"J": {"text": "\ud800"}}),
        externalId=ODD,
        content=ODD,
        jsonMetadata={ODD: [ODD, 1e308, 2**64 - 1, -(2**70)]},
    )
    raw = b'[%b, {"externalId": "\xed\xa0\x80\0"}]' % text(record)
    found = read(written(tmp_path / "x.json", raw))
    tables = into_duckdb(found)
    assert tables["assets"] == [
        named(records.ASSETS, found.assets[0].row) | dict.fromkeys(("created_at", "updated_at"))
    ]
    assert {row["text"] for row in tables["annotations"] if row["kind"] == "transcription"} == {ODD}
    assert len(tables["rejects"]) == 2
    assert tables["responses"][0]["json_response"] == found.assets[0].labels[0].json_response


def into_duckdb(found: Read) -> dict[str, list[dict[str, Any]]]:
    """Every row through Arrow and Parquet into DuckDB tables of the declared types, and back."""
    rows: dict[str, list[Any]] = {
        "exports": [found.ledger],
        "assets": [dict(zip(flatten.ASSET_ROW, one.row, strict=True)) for one in found.assets],
        "labels": [
            dict(zip(flatten.LABEL_ROW, one.label_row(said, 0), strict=True))
            for one in found.assets
            for said in one.labels
        ],
        "responses": [
            {"label_key": said.key, "response_hash": said.response_hash, "json_response": said.json_response}
            for one in found.assets
            for said in one.labels
            if said.response is not None
        ],
        "flattenings": [
            {
                "label_key": said.key,
                "response_hash": said.response_hash,
                "flatten_version": 1,
                "asset_id": one.asset_id,
                "annotation_count": 0,
                "job_names": canonical_json.text(sorted(answer_levels.job_names(said.response))),
            }
            for one in found.assets
            for said in one.labels
            if said.response is not None
        ],
        "annotations": found.annotations,
        "rejects": found.rejects,
        "sightings": [
            {
                "export_id": "e1",
                "asset_id": one.asset_id,
                "asset_version": one.version,
                "record_hash": one.record_hash,
            }
            for one in found.assets
        ],
    }
    tables = {}
    for table in records.TABLES:
        sink = pa.BufferOutputStream()
        pq.write_table(table.from_dicts(rows[table.name]), sink)
        types = ", ".join(f'"{column.name}" {column.sql_type}' for column in table.columns)
        DUCKDB.execute(f"create or replace table {table.name} ({types})")
        DUCKDB.register("batch", pq.read_table(sink.getvalue()))
        DUCKDB.execute(f"insert into {table.name} select * from batch")
        DUCKDB.unregister("batch")
        said = DUCKDB.execute(f"select * from {table.name}").fetchall()
        tables[table.name] = [named(table, row) for row in said]
        for column in table.columns:
            if column.sql_type == "JSON":
                DUCKDB.execute(f'select json_structure("{column.name}") from {table.name}').fetchall()
    return tables
