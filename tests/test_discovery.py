"""Discovery of exports in folders, globs and stores."""

import os
from pathlib import Path

import fsspec
import pytest
from helpers.exporting import README, asset, read, text, written

from pipelines.landing import discovery

ONE = asset("a1")
ALL = ["a.json.gz", "b.json", "c.ZIP", "export", "nowhere.json", "pipe.json", "sub/d.jsonl"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with exports, one of which is a folder, and with other files."""
    for name in (
        "b.json",
        "b.json.part",
        "a.zip.crdownload",
        "c.json.tmp",
        "._b.json",
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
    written(tmp_path / "exports" / "export" / discovery.README, README.encode())
    written(tmp_path / "exports" / "warehouse" / "work" / "z.json", ONE)
    os.mkfifo(tmp_path / "exports" / "pipe.json")
    (tmp_path / "exports" / "nowhere.json").symlink_to(tmp_path / "missing")
    return tmp_path / "exports"


def found(url: object, tree: Path) -> list[str]:
    return [os.path.relpath(one.path, tree) for one in discovery.find(str(url), tree / "warehouse")]


def test_a_folder_is_searched_for_files_and_folders_that_are_exports(tree: Path) -> None:
    assert found(tree, tree) == ALL
    assert found(f"file://{tree}", tree) == found(tree, tree)


def test_a_glob_finds_each_export_once(tree: Path) -> None:
    assert found(tree / "*", tree) == ALL
    assert found(tree / "**", tree) == ALL
    assert found(tree / "*.json*", tree) == ["a.json.gz", "b.json", "nowhere.json", "pipe.json"]


def test_a_named_file_is_loaded_whatever_its_name(tree: Path) -> None:
    assert found(tree / "notes.txt", tree) == ["notes.txt"]


@pytest.mark.parametrize("name", ["pipe.json", "nowhere.json", "loop.json"])
def test_a_named_path_that_is_no_file_is_found(tree: Path, name: str) -> None:
    (tree / "loop.json").symlink_to(tree / "loop.json")
    assert found(tree / name, tree) == [name]


def test_nothing_to_load_gives_a_message(tree: Path) -> None:
    with pytest.raises(discovery.NoExport, match="no such file or folder"):
        found(tree / "missing", tree)
    (tree / "empty").mkdir()
    with pytest.raises(discovery.NoExport, match="no export found in"):
        found(tree / "empty", tree)
    with pytest.raises(discovery.NoExport, match="cannot read nosuch://x"):
        found("nosuch://x", tree)


def test_a_name_that_is_not_utf8_is_escaped(tmp_path: Path) -> None:
    written(tmp_path / "\udcff.json", ONE)
    (one,) = discovery.find(str(tmp_path), tmp_path / "warehouse")
    assert one.url == f"{tmp_path}/\\xff.json"
    assert len(read(Path(one.path)).assets) == 1


def test_a_store_is_listed_again_at_each_scan(tmp_path: Path) -> None:
    remote = fsspec.filesystem("memory")
    remote.pipe("/anew/a.json", text([ONE]))
    assert [one.url for one in discovery.find("memory://anew", tmp_path)] == ["memory:///anew/a.json"]
    remote.pipe("/anew/sub/b.json", text([ONE]))
    remote.pipe("/anew/c.json.part", text([ONE]))
    both = ["memory:///anew/a.json", "memory:///anew/sub/b.json"]
    assert [one.url for one in discovery.find("memory://anew", tmp_path)] == both
    assert [one.url for one in discovery.find("memory://anew/*", tmp_path)] == both
    assert [one.url for one in discovery.find("memory://anew/s*", tmp_path)] == both[1:]
