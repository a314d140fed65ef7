"""Where exports are found, and what is fetched."""

import os
from pathlib import Path

import fsspec
import pytest
from exporting import README, asset, read, text, written

from pipelines import landing

ONE = asset("a1")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with exports, one of them a folder, and what is none."""
    for name in (
        "b.json",
        "a.json.gz",
        "c.ZIP",
        "sub/d.jsonl",
        "notes.txt",
        ".hidden.json",
        ".git/x.json",
        "__MACOSX/y.json",
    ):
        written(tmp_path / "exports" / name, ONE)
    for name in ("data.json", "assets/1.json", "labels/x.json", "inner/README.kili.txt"):
        written(tmp_path / "exports" / "export" / name, [ONE])
    written(tmp_path / "exports" / "export" / landing.README, README.encode())
    written(tmp_path / "exports" / "warehouse" / "work" / "z.json", ONE)
    os.mkfifo(tmp_path / "exports" / "pipe.json")
    (tmp_path / "exports" / "nowhere.json").symlink_to(tmp_path / "missing")
    return tmp_path / "exports"


def found(url: object, tree: Path) -> list[str]:
    return [os.path.relpath(one.path, tree) for one in landing.find(str(url), tree / "warehouse")]


def test_a_folder_is_searched_for_files_and_folders_that_are_exports(tree: Path) -> None:
    assert found(tree, tree) == ["a.json.gz", "b.json", "c.ZIP", "export", "sub/d.jsonl"]
    assert found(f"file://{tree}", tree) == found(tree, tree)


def test_a_glob_finds_each_export_once(tree: Path) -> None:
    assert found(tree / "*", tree) == ["a.json.gz", "b.json", "c.ZIP", "export", "sub/d.jsonl"]
    assert found(tree / "**", tree) == ["a.json.gz", "b.json", "c.ZIP", "export", "sub/d.jsonl"]
    assert found(tree / "*.json*", tree) == ["a.json.gz", "b.json"]


def test_a_file_that_is_named_is_taken_whatever_its_name(tree: Path) -> None:
    assert found(tree / "notes.txt", tree) == ["notes.txt"]


def test_nothing_to_load_says_so(tree: Path) -> None:
    with pytest.raises(landing.NoExport, match="no such file or folder"):
        found(tree / "missing", tree)
    (tree / "empty").mkdir()
    with pytest.raises(landing.NoExport, match="no export found in"):
        found(tree / "empty", tree)
    with pytest.raises(landing.NoExport, match="cannot read nosuch://x"):
        found("nosuch://x", tree)


def test_a_name_that_is_no_utf8_is_written_out(tmp_path: Path) -> None:
    written(tmp_path / "\udcff.json", ONE)
    (one,) = landing.find(str(tmp_path), tmp_path / "warehouse")
    assert one.url == f"{tmp_path}/\\xff.json"
    assert len(read(landing.land(one, tmp_path / "landing").path).assets) == 1


def test_local_exports_are_read_in_place(tree: Path, tmp_path: Path) -> None:
    for one in landing.find(str(tree), tree / "warehouse"):
        assert landing.land(one, tmp_path / "landing").path == Path(one.path)
    assert not (tmp_path / "landing").exists()


def test_remote_exports_are_fetched_by_their_content(tmp_path: Path) -> None:
    remote = fsspec.filesystem("memory")
    for name, content in {
        "/fetch/one.json": text([ONE]),
        "/fetch/same.json": text([ONE]),
        "/fetch/export/README.kili.txt": README.encode(),
        "/fetch/export/data.json": text([ONE]),
        "/fetch/export/assets/1.jpg": b"",
        "/fetch/notes.txt": b"",
    }.items():
        remote.pipe(name, content)
    exports = landing.find("memory://fetch", tmp_path)
    assert [one.url for one in exports] == [
        "memory:///fetch/export",
        "memory:///fetch/one.json",
        "memory:///fetch/same.json",
    ]
    landed = [landing.land(one, tmp_path / "landing") for one in exports]
    assert [read(one.path).ledger["layout"] for one in landed] == ["folder_single_file", "json_list", "json_list"]
    assert landed[1].path.parent == landed[2].path.parent
    assert [landing.land(one, tmp_path / "landing") for one in exports] == landed
    assert [one.url for one in landing.find("memory://fetch/*.json", tmp_path)] == [one.url for one in exports[1:]]


def test_a_remote_name_cannot_lead_out_of_the_landing_folder(tmp_path: Path) -> None:
    class Remote:
        def open(self, name: str, mode: str) -> object:
            return fsspec.open(f"memory://{name}", mode).open()

    fsspec.filesystem("memory").pipe("/evil/x.json", b"[]")
    remote = Remote()
    remote.open = lambda *_: fsspec.filesystem("memory").open("/evil/x.json", "rb")  # type: ignore[method-assign]
    found = landing.Found("s3://b/export", "b/export", remote, ("b/export/../../../x.json", "b/export/README.kili.txt"))
    landed = landing.land(found, tmp_path / "landing")
    inside = sorted(str(path.relative_to(landed.path)) for path in landed.path.rglob("*") if path.is_file())
    assert inside == ["README.kili.txt", "__/__/__/x.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["landing"]
