"""Files that are no exports: replies of Kili's API load, other formats are refused by name."""

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from helpers.exporting import asset, label, read, text, written, zipped

from pipelines.kili import locate, packaging
from pipelines.settings import Limits

ASSETS = [asset("a1", label({"J": {"text": "é"}}, id="l1")), asset("a2", label(id="l2"), label(id="l3"))]
LABELS = [label({"J": {"text": "é"}}, id="l1", assetId="a1"), label(id="l2", labelOf={"id": "a2"})]
BROKEN = {"externalId": "no id"}
EMPTY: dict[str, Any] = {}
ERROR = "this is an error message of a server, saved in place of the export: download the export again, "
LABEL_STUDIO = "this is a Label Studio export, which this version cannot load: Kili exports are wanted"


def packed(path: Path, content: bytes, packing: str) -> Path:
    """A document by itself, gzipped, or in a zip."""
    if packing == "zip":
        return zipped(path, ("data.json", content))
    return written(path, gzip.compress(content) if packing == "gzip" else content)


@pytest.mark.parametrize("packing", ["plain", "gzip", "zip"])
@pytest.mark.parametrize(
    ("reply", "place"),
    [
        ({"data": {"assets": [*ASSETS, BROKEN]}}, "/data/assets/2"),
        (
            {"errors": None, "data": {"countAssets": 3, "assets": [*ASSETS, BROKEN]}, "extensions": EMPTY},
            "/data/assets/2",
        ),
        ({"data": {"data": [*ASSETS, BROKEN]}}, "/data/data/2"),
        ({"status": 200, "data": [*ASSETS, BROKEN]}, "/data/2"),
        ({"assets": [*ASSETS, BROKEN]}, "/assets/2"),
        ({"data": {"assets": [ASSETS[0]], "data": [BROKEN, ASSETS[1]]}}, "/data/data/0"),
        ([{"data": {"assets": ASSETS}}, {"data": {"assets": [BROKEN]}}], "/1/data/assets/0"),
    ],
    ids=["reply", "with more keys", "Kili's client", "list under data", "data alone", "two lists", "pages"],
)
@pytest.mark.parametrize("brackets", ["", "]}, {["], ids=["", "brackets in texts"])
def test_a_reply_of_the_api_loads_as_a_list_of_assets(
    tmp_path: Path, reply: Any, place: str, packing: str, brackets: str
) -> None:
    content = json.dumps(reply, indent=1).replace("no id", f"no id{brackets}").encode()
    found = read(packed(tmp_path / "x", content, packing))
    assert [(one.asset_id, len(one.labels)) for one in found.assets] == [("a1", 1), ("a2", 2)]
    assert found.reasons == [("data.json" if packing == "zip" else None, place, "id is missing")]
    assert found.ledger["layout"] == ("zip_single_file" if packing == "zip" else "json_list")
    assert (found.ledger["asset_count"], found.ledger["label_count"]) == (3, 3)


@pytest.mark.parametrize("reply", [{"data": {"labels": LABELS}}, {"data": {"data": LABELS}}, {"labels": LABELS}])
def test_a_reply_of_the_api_loads_as_a_list_of_labels(tmp_path: Path, reply: Any) -> None:
    found = read(written(tmp_path / "x.json", reply))
    assert [(one.asset_id, len(one.labels)) for one in found.assets] == [("a1", 1), ("a2", 1)]
    assert (found.rejects, found.ledger["layout"]) == ([], "label_list")


def test_replies_in_lines_load(tmp_path: Path) -> None:
    pages = [{"data": {"assets": [one]}} for one in ASSETS]
    found = read(written(tmp_path / "x.jsonl", b"\n".join(map(text, pages))))
    assert ([one.asset_id for one in found.assets], found.ledger["layout"]) == (["a1", "a2"], "json_lines")


def test_a_reply_without_assets_is_empty_and_not_rejected(tmp_path: Path) -> None:
    found = read(written(tmp_path / "x.json", {"data": {"assets": []}}))
    assert (found.rejects, found.ledger["is_rejected"], found.ledger["layout"]) == ([], False, "json_list")


def test_errors_next_to_records_are_reported_and_the_records_load(tmp_path: Path) -> None:
    found = read(written(tmp_path / "x.json", {"errors": [{"message": "a secret"}], "data": {"assets": ASSETS}}))
    assert [one.asset_id for one in found.assets] == ["a1", "a2"]
    reason = "Kili's API reported errors with these records, which may be incomplete: run the query again"
    assert found.reasons == [(None, "/errors", reason)]
    assert (found.ledger["asset_count"], found.ledger["is_rejected"]) == (2, False)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ({"errors": [{"message": "a secret"}], "data": None}, "reports errors and holds no data: check the key"),
        (
            {"data": {"assets": None}, "errors": [{"message": "a secret"}]},
            "reports errors and holds no data: check the key",
        ),
        ({"data": {"projects": [{"id": "p1", "title": "a secret"}]}}, "without a list of assets or labels"),
    ],
)
def test_a_reply_without_data_is_refused(tmp_path: Path, reply: Any, reason: str) -> None:
    found = read(written(tmp_path / "x.json", reply))
    ((_, place, said),) = found.reasons
    assert (place, found.ledger["is_rejected"], "secret" in said) == ("", True, False)
    assert said.startswith("this is a reply of Kili's API")
    assert reason in said


def test_an_asset_whose_own_keys_look_like_a_reply_is_an_asset(tmp_path: Path) -> None:
    one = asset("a1", label(), data={"assets": [BROKEN]}, jsonMetadata={"data": [1]}, assets=[])
    for content in (one, [one]):
        found = read(written(tmp_path / "x.json", content))
        assert ([one.asset_id for one in found.assets], found.rejects) == (["a1"], [])


def peak_of_reading(path: Path) -> int:
    """The peak memory of finding and reading all records of a document."""
    tracemalloc.start()
    with packaging.open_export(path, ZoneInfo("UTC"), Limits()) as container:
        assert sum(len(texts) for texts in locate.read_records(locate.locate_records(container, Limits()))) == 4_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_a_large_reply_takes_no_more_memory_than_a_list(tmp_path: Path) -> None:
    records = b",".join(text(asset(f"a{n}", label({"J": {"text": "x" * 10_000}}))) for n in range(4_000))
    listed = peak_of_reading(written(tmp_path / "list.json", b"[" + records + b"]"))
    assert peak_of_reading(written(tmp_path / "reply.json", b'{"data":{"assets":[%b]}}' % records)) < 1.1 * listed
    assert listed < 10 << 20


TASK: dict[str, Any] = {"id": 7, "data": {"image": "a secret"}, "annotations": [{"id": 1, "result": []}]}


@pytest.mark.parametrize(
    "content",
    [
        [TASK],
        TASK,
        [{**TASK, "id": "7"}],
        [{"data": EMPTY, "annotations": [], "predictions": []}],
        [{"id": 7, "data": EMPTY, "completions": [{"result": []}]}],
        [{"data": EMPTY, "predictions": [{"result": []}]}],
        {"annotations": [{"id": 1, "result": []}]},
        {"id": 1, "result": [], "task": {"id": 7}, "completed_by": 1},
        [{"id": 7, "image": "a secret", "labels": [], "annotator": 1, "annotation_id": 1}],
        {"total": 1, "tasks": [TASK]},
    ],
    ids=["tasks", "task", "id as text", "no id", "before 1.0", "import", "no data", "annotation", "JSON_MIN", "page"],
)
def test_a_label_studio_export_is_refused_by_name(tmp_path: Path, content: Any) -> None:
    found = read(written(tmp_path / "x.json", content))
    assert (found.reasons, found.ledger["is_rejected"]) == ([(None, "", LABEL_STUDIO)], True)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<!DOCTYPE html>\n<html><body>a secret</body></html>", "this is a web page (HTML), most likely a log-in"),
        (b'\xef\xbb\xbf\n<HTML lang="en">a secret', "this is a web page (HTML), most likely a log-in"),
        (
            b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code><Message>a secret</Message></Error>',
            "this is an error message of a storage service (XML), saved in place of the export: download",
        ),
        (b"<annotation><filename>a secret</filename></annotation>", "this is XML, not JSON: Kili exports are wanted"),
        ({"error": "a secret"}, ERROR),
        ({"error": {"code": 403, "message": "a secret"}}, ERROR),
        ({"message": "a secret", "statusCode": 401}, ERROR),
        ({"message": "a secret"}, ERROR),
        ({"errors": [{"message": "a secret"}]}, ERROR),
        ({"id": "0b9f", "status_code": 404, "detail": "a secret"}, ERROR),
    ],
)
@pytest.mark.parametrize("packing", ["plain", "gzip"])
def test_a_saved_error_is_refused_as_an_error(tmp_path: Path, content: Any, reason: str, packing: str) -> None:
    found = read(packed(tmp_path / "x.json", text(content), packing))
    ((entry, place, said),) = found.reasons
    assert (entry, place, found.ledger["is_rejected"]) == (None, "", True)
    assert said.startswith(reason)
    assert "secret" not in said


def test_an_asset_with_a_message_is_an_asset(tmp_path: Path) -> None:
    found = read(written(tmp_path / "x.json", asset("a1", message="hello", error=None)))
    assert ([one.asset_id for one in found.assets], found.rejects) == (["a1"], [])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["", "byte order mark"])
def test_utf_16_and_utf_32_are_refused_by_name(tmp_path: Path, encoding: str, mark: str) -> None:
    content = (mark + json.dumps(ASSETS, indent=1)).encode(encoding)
    reason = f"this is {encoding[:6].upper()} text: save the file as UTF-8"
    assert read(written(tmp_path / "x.json", content)).reasons == [(None, "", reason)]
    found = read(zipped(tmp_path / "x.zip", ("labels/a.json", content), ("labels/b.json", ASSETS[1])))
    assert found.reasons == [("labels/a.json", "", reason)]
    assert [one.asset_id for one in found.assets] == ["a2"]


def test_a_readme_in_utf_16_is_one_reject(tmp_path: Path) -> None:
    readme = "- Export date: 20260102-030405".encode("utf-16")
    found = read(zipped(tmp_path / "x.zip", ("README.kili.txt", readme), ("data.json", ASSETS)))
    assert found.reasons == [("README.kili.txt", "", "this is UTF-16 text: save the file as UTF-8")]
    assert len(found.assets) == 2
