"""Finds exports: a file, a folder searched recursively, or a glob; local, or any URL that fsspec reads."""

import glob
import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

import fsspec

README: Final = "README.kili.txt"
EXPORT_AGAIN: Final = "export the project again in Kili's own format (kili)"
_SUFFIXES: Final = (".json", ".json.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".zip")


class NoExport(Exception):
    """There is nothing to load: the path is missing, or no file there looks like an export."""


@dataclass(frozen=True)
class Landed:
    """An export that is ready to be read: its address, and the local file or folder with its content.

    `fault`: why a remote export could not be fetched; null if it was.
    """

    url: str
    path: Path
    fault: str | None = None


@dataclass(frozen=True)
class FoundExport:
    """An export in its original place: a local file or folder, or remote files.

    `remote`: the fsspec file system; null for a local export. `names`: the files of a remote folder. `infos`: the
    store's information about each remote file.
    """

    url: str
    path: str
    remote: Any = None
    names: tuple[str, ...] = ()
    infos: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def find(url: str, warehouse: Path) -> list[FoundExport]:
    """All exports under a URL, sorted by name, except files of the warehouse itself.

    Includes files that cannot be read, such as named pipes, and folders that cannot be searched, so that they become
    rejects. Raises `NoExport`.
    """
    if _is_remote(url):
        exports = _find_remote(url)
    else:
        local = _find_local(url.removeprefix("file://"))
        exports = [export for export in local if warehouse not in Path(os.path.realpath(export.path)).parents]
    if not exports:
        raise NoExport(f"no export found in {url}: looked for {', '.join(_SUFFIXES)} and folders with {README}")
    return exports


def is_at(file_url: str, addresses: Collection[str]) -> bool:
    """Whether an export is at one of these addresses, or below it."""
    return any(file_url == address or file_url.startswith(f"{address}/") for address in addresses)


def printable(name: str) -> str:
    """A file's name as text for tables: bytes that are not UTF-8 become \\xNN."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _is_remote(url: str) -> bool:
    return "://" in url and not url.startswith("file://")


def _find_local(url: str) -> list[FoundExport]:
    path = str(Path(os.path.expanduser(url)))  # noqa: PTH111 (of `~nobody` pathlib makes an error)
    if not _is_folder(path) and _may_exist(path):
        return [FoundExport(printable(path), path)]
    matches = [path] if _is_folder(path) else sorted(glob.glob(path, recursive=True))
    if not matches:
        raise NoExport(f"no such file or folder: {url}")
    unlistable: set[str] = set()
    names = {name for match in matches for name in (_walk(match, unlistable) if _is_folder(match) else [match])}
    exports = [name for name, _ in _group_into_exports(names)]
    unlistable = {name for name in unlistable if not any(str(folder) in exports for folder in Path(name).parents)}
    return [FoundExport(printable(name), name) for name in sorted({*exports, *unlistable})]


def _is_folder(path: str) -> bool:
    try:
        return stat.S_ISDIR(Path(path).stat().st_mode)
    except OSError:
        return False


def _may_exist(path: str) -> bool:
    """Whether a file, pipe or link exists. Also true if a folder without permission hides the answer."""
    try:
        Path(path).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _walk(folder: str, unlistable: set[str]) -> Iterator[str]:
    """All files in a folder and its visible subfolders; adds the folders that cannot be listed to `unlistable`."""

    def note(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            unlistable.add(str(Path(error.filename)))

    for place, folders, names in os.walk(folder, onerror=note):
        folders[:] = [name for name in folders if _is_visible(name)]
        yield from (str(Path(place, name)) for name in names)


def _find_remote(url: str) -> list[FoundExport]:
    try:
        remote, path = fsspec.url_to_fs(url)
        remote.invalidate_cache()  # fsspec caches listings in the process
        if remote.isfile(path):
            return [FoundExport(remote.unstrip_protocol(path), path, remote, infos={path: remote.info(path)})]
        infos = _files_under(remote, path)
    except FileNotFoundError:
        raise NoExport(f"no such file or folder: {url}") from None
    except Exception as error:  # each store raises its own
        raise NoExport(f"cannot read {url}: {error}") from error
    return [
        FoundExport(
            remote.unstrip_protocol(path), path, remote, names, {name: infos[name] for name in names or (path,)}
        )
        for path, names in _group_into_exports(infos)
    ]


def _files_under(remote: Any, path: str) -> dict[str, Mapping[str, Any]]:
    """The store's information about each file in a folder, or in the folders and files that match a glob."""
    if remote.isdir(path):
        return dict(remote.find(path, detail=True))
    infos: dict[str, Mapping[str, Any]] = {}
    for name, info in remote.glob(path, detail=True).items():
        infos |= remote.find(name, detail=True) if info["type"] == "directory" else {name: info}
    if not infos:
        raise FileNotFoundError(path)
    return infos


def _group_into_exports(names: Iterable[str]) -> list[tuple[str, tuple[str, ...]]]:
    """The paths of exports among these files: folders with a README, with their files, and single files."""
    exports: dict[str, list[str]] = {}
    paths = sorted(map(PurePosixPath, names))
    folders = {path.parent for path in paths if path.name == README}
    for path in paths:
        if outermost := [folder for folder in reversed(path.parents) if folder in folders][:1]:
            exports.setdefault(str(outermost[0]), []).append(str(path))
        elif _looks_like_export(path):
            exports[str(path)] = []
    return [(name, tuple(exports[name])) for name in sorted(exports)]


def _is_visible(name: str) -> bool:
    return not name.startswith(".") and name != "__MACOSX"


def _looks_like_export(path: PurePosixPath) -> bool:
    return _is_visible(path.name) and path.parent.name != "__MACOSX" and path.name.lower().endswith(_SUFFIXES)
