"""The export cache: which exports are hashed or fetched again."""

import os
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from helpers.exporting import README, asset, read, text, written

from pipelines import settings
from pipelines.landing import cache, discovery, fingerprints, local_files
from pipelines.landing.cache import ExportCache

ONE, TWO = asset("a1"), asset("a2")


@pytest.fixture
def known(tmp_path: Path) -> Iterator[ExportCache]:
    with cache.opened(settings.from_environment().at(None, tmp_path / "warehouse")) as opened:
        yield opened


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the exports that are hashed from now on. Files count as old enough at once."""
    names: list[str] = []
    identify = local_files.identify

    def noted(path: Path) -> tuple[str, int]:
        names.append(path.name)
        return identify(path)

    monkeypatch.setattr(cache.local_files, "identify", noted)
    monkeypatch.setattr(cache, "_GRANULE", 0)
    return names


def folder_export(folder: Path) -> Path:
    written(folder / "data.json", [ONE])
    written(folder / discovery.README, README.encode())
    return folder


def test_an_export_is_hashed_once_until_it_changes(known: ExportCache, hashed: list[str], tmp_path: Path) -> None:
    file, folder = written(tmp_path / "x.json", [ONE]), folder_export(tmp_path / "export")
    first = [known.identify(path) for path in (file, folder)]
    assert [known.identify(path) for path in (file, folder)] == first == [local_files.identify(file), first[1]]
    assert hashed[:2] == ["x.json", "export"]
    del hashed[:]
    written(folder / "data.json", [ONE, TWO])
    assert known.identify(folder) != first[1]
    assert known.identify(file) == first[0]
    assert hashed.count("export") == 1
    assert "x.json" not in hashed


def test_a_file_with_a_new_time_is_hashed_again_and_is_the_same_export(
    known: ExportCache, hashed: list[str], tmp_path: Path
) -> None:
    file = written(tmp_path / "x.json", [ONE])
    before = known.identify(file)
    os.utime(file, (0, 0))
    assert known.identify(file) == before
    assert hashed == ["x.json", "x.json"]


def test_changed_bytes_with_the_same_size_and_time_are_detected(
    known: ExportCache, hashed: list[str], tmp_path: Path
) -> None:
    file = written(tmp_path / "x.json", [ONE])
    stat, before = file.stat(), known.identify(file)
    written(file, [TWO])
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    assert known.identify(file) == local_files.identify(file) != before
    assert hashed


def test_a_file_younger_than_the_clocks_resolution_is_not_cached(known: ExportCache, tmp_path: Path) -> None:
    file = written(tmp_path / "x.json", [ONE])
    known.identify(file)
    (one,) = discovery.find(str(file), tmp_path / "warehouse")
    assert known.known(one) is None


def test_the_next_process_reads_the_cache(known: ExportCache, hashed: list[str], tmp_path: Path) -> None:
    file = written(tmp_path / "\udcff.json", [ONE])
    export_id, _ = known.identify(file)
    with cache.opened(settings.from_environment().at(None, tmp_path / "warehouse")) as other:
        (one,) = discovery.find(str(tmp_path / "*.json"), tmp_path / "warehouse")
        assert other.known(one) == export_id
    assert len(hashed) == 1


def test_local_exports_are_read_in_place(known: ExportCache, tmp_path: Path) -> None:
    folder_export(tmp_path / "exports" / "one")
    written(tmp_path / "exports" / "two.json", ONE)
    for one in discovery.find(str(tmp_path / "exports"), tmp_path / "warehouse"):
        assert known.land(one).path == Path(one.path)
    assert not (tmp_path / "warehouse" / "work" / "landing").exists()


def test_remote_exports_with_the_same_content_are_fetched_once(
    known: ExportCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = fsspec.filesystem("memory")
    opened: list[str] = []
    open_file = remote.open

    def noted(name: str, mode: str = "rb", **more: object) -> object:
        opened.extend([name] if mode == "rb" else [])
        return open_file(name, mode, **more)

    monkeypatch.setattr(remote, "open", noted)
    for name, content in {
        "/fetch/one.json": text([ONE]),
        "/fetch/same.json": text([ONE]),
        "/fetch/export/README.kili.txt": README.encode(),
        "/fetch/export/data.json": text([ONE]),
        "/fetch/export/assets/1.jpg": b"",
        "/fetch/notes.txt": b"",
    }.items():
        remote.pipe(name, content)
    exports = discovery.find("memory://fetch", tmp_path)
    assert [one.url for one in exports] == [
        "memory:///fetch/export",
        "memory:///fetch/one.json",
        "memory:///fetch/same.json",
    ]
    landed = [known.land(one) for one in exports]
    assert [read(one.path).ledger["layout"] for one in landed] == ["folder_single_file", "json_list", "json_list"]
    assert [one.path.parent.name for one in landed] == [local_files.identify(one.path)[0] for one in landed]
    assert landed[1].path.parent == landed[2].path.parent
    assert len(opened) == 5

    assert [known.land(one) for one in discovery.find("memory://fetch", tmp_path)] == landed
    assert [known.known(one) for one in exports] == [one.path.parent.name for one in landed]
    assert len(opened) == 5
    remote.pipe("/fetch/one.json", text([TWO]))
    (changed,) = discovery.find("memory://fetch/one.json", tmp_path)
    assert known.known(changed) is None
    assert [one.asset_id for one in read(known.land(changed).path).assets] == ["a2"]
    landed[2].path.unlink()
    known.land(exports[2])
    assert opened[5:] == ["/fetch/one.json", "/fetch/same.json"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FileNotFoundError("one.json"), "cannot be read: it has disappeared. Every run tries it again"),
        (PermissionError(13, "Access Denied"), "cannot be read: Access Denied. Every run tries it again"),
    ],
    ids=["gone", "forbidden"],
)
def test_an_object_that_a_store_does_not_return_has_a_fault(
    known: ExportCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, reason: str
) -> None:
    remote = fsspec.filesystem("memory")
    remote.pipe("/denied/one.json", text([ONE]))
    (one,) = discovery.find("memory://denied", tmp_path)

    def denied(*_: object) -> object:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(remote, "open", denied)
        assert known.land(one).fault == reason
    assert list((tmp_path / "warehouse" / "work" / "landing").iterdir()) == []
    assert [one.asset_id for one in read(known.land(one).path).assets] == ["a1"]


def test_an_interrupted_download_leaves_no_file(
    known: ExportCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = fsspec.filesystem("memory")
    remote.pipe("/broken/one.json", text([ONE]))
    (one,) = discovery.find("memory://broken", tmp_path)

    def broken(*_: object) -> object:
        raise ConnectionResetError("the store has gone away")

    monkeypatch.setattr(remote, "open", broken)
    with pytest.raises(discovery.NoExport, match=r"cannot read memory:///broken/one\.json"):
        known.land(one)
    assert list((tmp_path / "warehouse" / "work" / "landing").iterdir()) == []


def test_a_remote_name_cannot_escape_the_landing_folder(known: ExportCache, tmp_path: Path) -> None:
    class Remote:
        def open(self, _: str, mode: str) -> object:
            return fsspec.filesystem("memory").open("/evil/x.json", mode)

    fsspec.filesystem("memory").pipe("/evil/x.json", b"[]")
    names = ("b/export/../../../x.json", "b/export/README.kili.txt")
    landed = known.land(
        discovery.FoundExport("s3://b/export", "b/export", Remote(), names, {name: {} for name in names})
    )
    inside = sorted(str(path.relative_to(landed.path)) for path in landed.path.rglob("*") if path.is_file())
    assert inside == ["README.kili.txt", "__/__/__/x.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["warehouse"]


@pytest.mark.parametrize(
    ("info", "later", "is_same"),
    [
        ({"ETag": "e1", "LastModified": "1"}, {"ETag": "e1", "LastModified": "2"}, True),
        ({"ETag": "e1"}, {"ETag": "e2"}, False),
        ({"mtime": 1.5}, {"mtime": 1.5}, True),
        ({"mtime": 1.5}, {"mtime": 2.5}, False),
        ({"last_modified": "1"}, {"last_modified": "1", "StorageClass": "COLD"}, True),
        ({}, {}, False),
    ],
)
def test_an_etag_takes_precedence_over_a_time_and_without_both_nothing_is_cached(
    known: ExportCache, info: dict[str, object], later: dict[str, object], is_same: bool
) -> None:
    fsspec.filesystem("memory").pipe("/told/x.json", b"[]")

    def found(told: dict[str, object]) -> discovery.FoundExport:
        remote = fsspec.filesystem("memory")
        return discovery.FoundExport(
            "memory:///told/x.json", "/told/x.json", remote, (), {"/told/x.json": {"size": 2, **told}}
        )

    known.land(found(info))
    assert (known.known(found(later)) is not None) == is_same


def test_a_file_counts_as_finished_after_a_time_without_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, cut = written(tmp_path / "a.json", [ONE]), written(tmp_path / "b.zip", b"PK\x03\x04 the rest is to come")

    def settled() -> list[str]:
        return [
            Path(one.path).name for one in discovery.find(str(tmp_path), tmp_path / "w") if fingerprints.is_settled(one)
        ]

    os.utime(whole, (0, 0))
    os.utime(cut, (0, 0))
    assert settled() == []
    monkeypatch.setattr(fingerprints, "_QUIET", 0)
    assert settled() == ["a.json"]
    monkeypatch.setattr(fingerprints, "_QUIET_CUT_ZIP", 0)
    assert settled() == ["a.json", "b.zip"]
