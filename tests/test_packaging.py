"""Every packing of an export, and what hostile or damaged ones do: nothing but their own reject."""

import gzip
import io
import json
import struct
import tracemalloc
import zipfile
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from helpers.exporting import README, asset, label, read, text, written, zipped

from pipelines.kili import packaging
from pipelines.landing import archives, local_files
from pipelines.settings import Limits

ONE, TWO = asset("a1", label({"J": {"text": "one"}})), asset("a2", label({"J": {"text": "two"}}))
BROKEN = b'{"id": "a3", "labels": ['


def ids(path: Path, limits: Limits = Limits()) -> list[str]:  # noqa: B008
    return sorted(one.asset_id for one in read(path, limits).assets)


def flat_label(asset_id: str, **more: Any) -> dict[str, Any]:
    return label({"J": {"text": asset_id}}, id=f"l-{asset_id}", **more)


def _folder(path: Path, entries: dict[str, Any]) -> Path:
    for name, value in entries.items():
        written(path / name, value)
    return path


SINGLE = {"README.kili.txt": README.encode(), "data.json": [ONE, TWO]}
PER_ASSET = {
    "README.kili.txt": README.encode(),
    "labels/a_1.json": ONE,
    "labels/dossier/été_2024/voiture_(2).jpg.json": TWO,
    "assets/a.json": {"id": "media"},
    "labels/a_1/RENDER_scene.glb": b"binary",
}


@pytest.mark.parametrize(
    ("layout", "entries"), [("single_file", SINGLE), ("per_asset", PER_ASSET)], ids=["single file", "per asset"]
)
@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "folder"])
def test_an_archive_is_read_packed_and_unpacked(
    tmp_path: Path, layout: str, entries: dict[str, Any], is_zip: bool
) -> None:
    path = zipped(tmp_path / "x.zip", *entries.items()) if is_zip else _folder(tmp_path / "x", entries)
    found = read(path)
    said = found.ledger
    assert sorted(one.asset_id for one in found.assets) == ["a1", "a2"]
    assert (said["layout"], said["label_container"]) == (f"{'zip' if is_zip else 'folder'}_{layout}", "labels")
    assert (said["project_id"], said["project_name"], said["export_type"]) == ("p1", "Cars", "normal")
    assert said["as_of"] == 1767323045_000000
    assert found.rejects == []


@pytest.mark.parametrize(
    ("layout", "content"),
    [
        ("json_list", text([ONE, TWO])),
        ("json_lines", text(ONE) + b"\n" + text(TWO) + b"\n"),
        (
            "label_list",
            text([flat_label("l", assetId="a1"), flat_label("l", labelOf={"id": "a2", "externalId": "two"})]),
        ),
        ("label_list", text(flat_label("l", assetId="a1")) + b"\n" + text(flat_label("l", assetId="a2"))),
    ],
    ids=["list", "lines", "labels", "lines of labels"],
)
@pytest.mark.parametrize("is_packed", [False, True], ids=["plain", "gzip"])
def test_bare_json_is_recognised_by_its_content(tmp_path: Path, layout: str, content: bytes, is_packed: bool) -> None:
    path = written(tmp_path / "x", gzip.compress(content) if is_packed else content)
    assert ids(path) == ["a1", "a2"]
    assert read(path).ledger["layout"] == layout


def test_a_lone_object_is_an_export(tmp_path: Path) -> None:
    found = read(written(tmp_path / "x.json", ONE))
    assert ([one.asset_id for one in found.assets], found.ledger["layout"]) == (["a1"], "json_object")


def test_an_export_in_a_folder_of_the_zip_is_found_by_its_readme(tmp_path: Path) -> None:
    entries = [(f"export/{name}", value) for name, value in PER_ASSET.items()]
    assert ids(zipped(tmp_path / "x.zip", *entries, ("__MACOSX/export/labels/._a.json", b"\0"))) == ["a1", "a2"]


def test_a_zip_of_several_exports_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", ("one/README.kili.txt", b""), ("two/README.kili.txt", b""))
    assert read(path).reasons == [(None, "", "a zip of several exports: unpack it and point at the folder")]


def test_an_export_without_assets_is_empty_and_not_rejected(tmp_path: Path) -> None:
    found = read(zipped(tmp_path / "x.zip", ("README.kili.txt", README.encode()), ("labels/", b"")))
    assert (found.ledger["layout"], found.ledger["asset_count"], found.ledger["is_rejected"]) == (
        "zip_per_asset",
        0,
        False,
    )


def test_files_of_file_jobs_are_not_assets_but_assets_in_sub_folders_are(tmp_path: Path) -> None:
    answer = {"RENDER": {"fileId": "f", "fileName": "ü.json", "filePath": "labels/a_1/RENDER_ü.json"}}
    entries = {
        "labels/a_1.json": asset("a1", label(answer)),
        "labels/a_1/RENDER_ü.json": {"id": "a file of the job"},
        "labels/a_1/b.json": TWO,
    }
    assert ids(zipped(tmp_path / "x.zip", *entries.items())) == ["a1", "a2"]


@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "folder"])
def test_an_asset_is_unpacked_once_to_recognise_the_files_of_its_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_zip: bool
) -> None:
    """Its answers name some of the files in its folder, in every way that JSON writes a name."""
    paths = [f'labels/a/J_{name}"{n}.json' for n in range(8) for name in ("é", "plain")]
    answers = {f"J{n}": {"fileId": "f", "filePath": path} for n, path in enumerate(paths)}
    held_in_text = json.dumps({"K": {"filePath": "labels/a/text.json"}})
    own = asset("a", label({**answers, "LONG": {"text": str(list(range(300_000)))}}), label(held_in_text))
    entries: dict[str, Any] = {"labels/a.json": json.dumps(own, ensure_ascii=False).encode()}
    entries |= dict.fromkeys((*paths, "labels/a/text.json"), b"a file of the job")
    entries |= {f"labels/a/{n}.json": asset(f"a/{n}") for n in range(20)}
    path = zipped(tmp_path / "x.zip", *entries.items()) if is_zip else _folder(tmp_path / "x", entries)
    assert ids(path) == ["a", *sorted(f"a/{n}" for n in range(20))]
    opener = "_open_zip_entry" if is_zip else "_open_in_folder"
    open_one = getattr(archives, opener)
    opened: list[Any] = []

    def noted(*where: Any) -> Any:
        opened.append(where[1])
        return open_one(*where)

    monkeypatch.setattr(archives, opener, noted)
    with packaging.open_export(path, ZoneInfo("UTC"), Limits()) as container:
        assert len(container.documents) == 21
        assert len(opened) == 1


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["labels.json", "data/1.jpg"], "COCO format: export the project again in Kili's own format"),
        (["labels/1.txt", "data.yaml"], "YOLO format"),
        (["labels/1.xml"], "Pascal VOC format"),
        (["labels/1.geojson"], "GeoJSON format"),
        (["one.zip", "two.zip"], "holds other zips: unpack it"),
        (["photo.jpg"], "a zip without data.json or labels/*.json is no Kili export"),
    ],
    ids=["COCO", "YOLO", "VOC", "GeoJSON", "zips", "none"],
)
def test_another_format_is_refused_by_name(tmp_path: Path, names: list[str], reason: str) -> None:
    found = read(zipped(tmp_path / "x.zip", *((name, b"") for name in names)))
    assert found.ledger["is_rejected"]
    (reject,) = found.rejects
    assert reason in reject["reason"]


def test_another_format_is_recognised_by_the_readme(tmp_path: Path) -> None:
    readme = README.replace("format: kili", "format: yolo_v5").encode()
    found = read(zipped(tmp_path / "x.zip", ("README.kili.txt", readme), ("data.json", [])))
    assert found.reasons == [
        (None, "", "this is an export in yolo_v5 format: export the project again in Kili's own format (kili)")
    ]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ({"images": [{"id": 1}], "annotations": [{"id": 1}], "categories": []}, "a COCO file"),
        ({"type": "FeatureCollection", "features": []}, "a GeoJSON file"),
        ([{"chatItems": [{}], "label": {}, "labeler": "x", "externalId": "y"}], "an LLM dump"),
        ([{"raw_data": [{}], "labels": [], "external_id": "y"}], "an LLM dump"),
    ],
    ids=["COCO", "GeoJSON", "LLM", "RLHF"],
)
def test_another_format_is_recognised_by_its_content(tmp_path: Path, content: Any, what: str) -> None:
    (reject,) = read(written(tmp_path / "x.json", content)).rejects
    assert reject["reason"].startswith(f"this is {what}")


def test_an_entry_that_comes_twice_is_read_twice(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = zipped(
            tmp_path / "x.zip",
            ("labels/a.json", ONE),
            ("labels/a.json", TWO),
            ("labels/b.json", BROKEN),
            ("labels/b.json", b""),
            ("labels/c.json", ONE),
        )
    found = read(path)
    assert sorted(one.asset_id for one in found.assets) == ["a1", "a2"]
    assert found.ledger["duplicate_asset_count"] == 1
    assert [(entry, location) for entry, location, _ in found.reasons] == [
        ("labels/b.json", ""),
        ("labels/b.json (2)", ""),
    ]


def test_data_json_that_comes_twice_is_read_twice(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = zipped(tmp_path / "x.zip", ("data.json", [ONE]), ("data.json", [TWO]))
    assert ids(path) == ["a1", "a2"]
    assert read(path).ledger["layout"] == "zip_single_file"


@pytest.mark.parametrize(
    "name", ["labels/../../x.json", "../x.json", "/labels/x.json", "C:\\x.json", "labels\\..\\x.json"]
)
def test_an_entry_with_path_traversal_is_rejected_and_never_written(tmp_path: Path, name: str) -> None:
    inside = tmp_path / "in" / "side"
    inside.mkdir(parents=True)
    found = read(zipped(inside / "x.zip", (name, ONE), ("labels/b.json", TWO)))
    assert [one.asset_id for one in found.assets] == ["a2"]
    assert found.reasons == [(name, "", "its name leads out of the archive: it is not read")]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["x.zip"]


def test_a_link_in_a_zip_is_rejected(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("labels/link.json")
    link.external_attr = 0o120777 << 16
    found = read(zipped(tmp_path / "x.zip", (link, b"/etc/passwd"), ("labels/b.json", TWO)))
    assert found.reasons == [("labels/link.json", "", "not JSON: it starts with '/'")]
    assert [one.asset_id for one in found.assets] == ["a2"]


def test_a_link_out_of_a_folder_is_rejected(tmp_path: Path) -> None:
    secret = written(tmp_path / "secret.json", ONE)
    folder = _folder(tmp_path / "x", {"README.kili.txt": README.encode(), "labels/b.json": TWO})
    (folder / "labels" / "a.json").symlink_to(secret)
    found = read(folder)
    assert found.reasons == [("labels/a.json", "", "a link that leads out of the export")]


def test_a_damaged_entry_is_rejected_and_the_rest_loads(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", ("labels/a.json", ONE), ("labels/b.json", TWO))
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("labels/a.json")
    content = bytearray(path.read_bytes())
    content[entry.header_offset + 30 + len("labels/a.json") + 20] ^= 0xFF
    path.write_bytes(content)
    found = read(path)
    assert [one.asset_id for one in found.assets] == ["a2"]
    (reason,) = found.reasons
    assert reason[:2] == ("labels/a.json", "")
    assert reason[2].startswith("damaged compressed data")


def test_a_damaged_readme_is_rejected_and_the_rest_loads(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", *SINGLE.items())
    content = bytearray(path.read_bytes())
    content[30 + len("README.kili.txt") + 20] ^= 0xFF
    path.write_bytes(content)
    found = read(path)
    assert [entry for entry, _, _ in found.reasons] == ["README.kili.txt"]
    assert (len(found.assets), found.ledger["project_id"], found.ledger["layout"]) == (2, None, "zip_single_file")
    assert (found.ledger["asset_count"], found.ledger["rejected_asset_count"]) == (2, 0)


@pytest.mark.parametrize(
    ("date", "zone"),
    [
        ("00010101-000000", "Asia/Tokyo"),
        ("99991231-235959", "America/New_York"),
        ("00000101-000000", "UTC"),
        ("100000101-000000", "UTC"),
        ("20261345-000000", "UTC"),
    ],
)
@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "folder"])
def test_a_readme_with_a_date_out_of_range_is_one_reject_and_no_asset(
    tmp_path: Path, date: str, zone: str, is_zip: bool
) -> None:
    entries = {**SINGLE, "README.kili.txt": README.replace("20260102-030405", date).encode()}
    path = zipped(tmp_path / "x.zip", *entries.items()) if is_zip else _folder(tmp_path / "x", entries)
    found = read(path, zone=zone)
    ((entry, location, reason),) = found.reasons
    assert (entry, location) == ("README.kili.txt", "")
    assert reason.startswith("the export date is no date from year 1 to 9999 in UTC")
    said = found.ledger
    assert (said["project_id"], said["asset_count"], said["rejected_asset_count"]) == ("p1", 2, 0)
    assert said["as_of"] == read(written(tmp_path / "bare.json", [ONE, TWO])).ledger["as_of"]


@pytest.mark.parametrize(
    ("date", "zone"), [("00010101-090000", "UTC"), ("99991231-185959", "America/New_York")], ids=["first", "last"]
)
def test_the_first_and_the_last_date_of_a_readme_are_read(tmp_path: Path, date: str, zone: str) -> None:
    readme = README.replace("20260102-030405", date).encode()
    found = read(zipped(tmp_path / "x.zip", ("README.kili.txt", readme), ("data.json", [])), zone=zone)
    assert found.rejects == []
    local = datetime.strptime(date, "%Y%m%d-%H%M%S").replace(tzinfo=ZoneInfo(zone))
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=found.ledger["as_of"]) == local


def test_an_empty_export_with_an_odd_date_is_not_rejected_whole(tmp_path: Path) -> None:
    readme = README.replace("20260102-030405", "00000101-000000").encode()
    found = read(zipped(tmp_path / "x.zip", ("README.kili.txt", readme), ("data.json", [])))
    assert (len(found.rejects), found.ledger["is_rejected"], found.ledger["as_of"]) == (1, False, None)


def test_an_archive_of_nothing_but_a_damaged_readme_is_rejected_whole(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", ("README.kili.txt", README.encode()))
    content = bytearray(path.read_bytes())
    content[30 + len("README.kili.txt") + 20] ^= 0xFF
    path.write_bytes(content)
    found = read(path)
    ((entry, _, reason),) = found.reasons
    assert (entry, found.ledger["is_rejected"]) == (None, True)
    assert reason.startswith("README.kili.txt: damaged compressed data")


def test_an_encrypted_entry_is_rejected(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", ("labels/a.json", ONE), ("labels/b.json", TWO))
    content = path.read_bytes()
    at = content.index(b"PK\x01\x02") + 8
    path.write_bytes(content[:at] + struct.pack("<H", 1) + content[at + 2 :])
    found = read(path)
    assert found.reasons == [("labels/a.json", "", "the entry is encrypted: unpack the zip with its password")]
    assert [one.asset_id for one in found.assets] == ["a2"]


@pytest.mark.parametrize("keep", [2, 100, -30])
def test_a_truncated_zip_is_rejected(tmp_path: Path, keep: int) -> None:
    path = zipped(tmp_path / "x.zip", *SINGLE.items())
    path.write_bytes(path.read_bytes()[:keep])
    (reason,) = read(path).reasons
    assert reason[2].startswith("a damaged or truncated zip")


@pytest.mark.parametrize(
    "content", [gzip.compress(text([ONE]))[:-12], gzip.compress(text([ONE])) + b"rest", b"\x1f\x8b"]
)
def test_a_damaged_gzip_is_rejected(tmp_path: Path, content: bytes) -> None:
    (reason,) = read(written(tmp_path / "x.json.gz", content)).reasons
    assert reason[2].startswith("damaged compressed data")


SMALL = Limits(max_entry_bytes=10 << 20, max_compression_ratio=50, max_record_bytes=1 << 20)


def bomb(size: int) -> bytes:
    return b"[" + b" " * size + b"]"


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(max_entry_bytes=1 << 20, max_compression_ratio=5000), "KILI_MAX_ENTRY_BYTES"),
        (Limits(max_entry_bytes=1 << 30, max_compression_ratio=50), "KILI_MAX_COMPRESSION_RATIO"),
    ],
    ids=["size", "ratio"],
)
@pytest.mark.parametrize("kind", ["zip", "gzip"])
def test_an_archive_that_unpacks_to_too_much_is_rejected(
    tmp_path: Path, limits: Limits, reason: str, kind: str
) -> None:
    if kind == "zip":
        path = zipped(tmp_path / "x.zip", ("labels/a.json", bomb(2 << 20)), ("labels/b.json", TWO))
        entry: str | None = "labels/a.json"
    else:
        path, entry = written(tmp_path / "x.gz", gzip.compress(bomb(2 << 20))), None
    found = read(path, limits)
    ((place, _, said),) = found.reasons
    assert place == entry
    assert reason in said
    assert [one.asset_id for one in found.assets] == (["a2"] if kind == "zip" else [])


@pytest.mark.parametrize("declared", [10, 1 << 31], ids=["less", "more"])
def test_an_entry_with_a_false_size_is_rejected(tmp_path: Path, declared: int) -> None:
    path = zipped(tmp_path / "x.zip", ("labels/a.json", bomb(5 << 20)), ("labels/b.json", TWO))
    content = path.read_bytes()
    at = content.index(b"PK\x01\x02") + 24
    path.write_bytes(content[:at] + struct.pack("<I", declared) + content[at + 4 :])
    found = read(path, SMALL)
    assert [one.asset_id for one in found.assets] == ["a2"]
    assert [entry for entry, _, _ in found.reasons] == ["labels/a.json"]


def test_a_zip_bomb_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = b"".join(packer.compress(b" " * (1 << 20)) for _ in range(200)) + packer.flush()
    path.write_bytes(gzip_of(packed, 200 << 20))
    tracemalloc.start()
    found = read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "KILI_MAX_COMPRESSION_RATIO" in found.reasons[0][2]
    assert peak < 32 << 20


def gzip_of(packed: bytes, size: int) -> bytes:
    head = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    return head + packed + struct.pack("<II", 0, size & 0xFFFFFFFF)


def test_a_record_that_is_too_long_is_rejected_unread(tmp_path: Path) -> None:
    long = asset("a1", label({"J": {"text": "x" * (3 << 20)}}))
    found = read(written(tmp_path / "x.json", [long, TWO]), SMALL)
    assert found.reasons == [(None, "/0", "it is longer than 1,048,576 bytes (KILI_MAX_RECORD_BYTES)")]
    assert len(found.rejects[0]["raw"]) == 1 << 20
    assert [one.asset_id for one in found.assets] == ["a2"]


def test_a_hundred_thousand_entries_are_read(tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("assets/1.jpg")
    path = zipped(tmp_path / "x.zip", ("labels/a.json", ONE), (entry, b""))
    content = path.read_bytes()
    last, end = content.rindex(b"PK\x01\x02"), content.rindex(b"PK\x05\x06")
    copies = content[last:end] * 100_000
    size = struct.pack("<I", end - content.index(b"PK\x01\x02") + len(copies))
    path.write_bytes(content[:end] + copies + content[end : end + 12] + size + content[end + 16 :])
    assert ids(path) == ["a1"]


def test_the_id_of_a_folder_depends_on_names_and_content(tmp_path: Path) -> None:
    one, two = _folder(tmp_path / "one", SINGLE), _folder(tmp_path / "two", SINGLE)
    assert local_files.identify(one) == local_files.identify(two)
    (two / "README.kili.txt").rename(two / "readme")
    assert local_files.identify(one) != local_files.identify(two)


def test_names_that_are_not_utf8_are_escaped(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "x", {"README.kili.txt": README.encode(), "labels/b.json": TWO})
    (folder / "labels" / "\udcff.json").write_bytes(b"no")
    assert read(folder).reasons == [("labels/\\xff.json", "", "not JSON: it starts with 'n'")]
    assert len(local_files.identify(folder)[0]) == 64


def test_a_full_disk_is_not_reported_as_a_fault_of_the_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, _: Any) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(archives.tempfile, "SpooledTemporaryFile", lambda **_: Full())
    with pytest.raises(OSError, match="No space left"):
        read(zipped(tmp_path / "x.zip", ("data.json", json.dumps([ONE]).encode())))
