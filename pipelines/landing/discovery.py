"""Finds export files: one file, a folder searched recursively, or a glob; local, or any URL that fsspec understands."""

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
    """There is no export: the path is missing, or no file there looks like one."""


@dataclass(frozen=True)
class Landed:
    """An export on this machine: its URL, and its local file or folder.

    `fault`: why a remote export could not be fetched; null if it was.
    """

    url: str
    path: Path
    fault: str | None = None


@dataclass(frozen=True)
class Found:
    """An export at its origin: a local file or folder, or remote files.

    `names`: the files of a remote folder. `infos`: the metadata of each remote file.
    """

    url: str
    path: str
    remote: Any = None
    names: tuple[str, ...] = ()
    infos: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def find(url: str, warehouse: Path) -> list[Found]:
    """The exports under a URL, in the order of their names, without the warehouse's own files.

    Unreadable files and folders, named pipes and the like are included. Raises `NoExport`.
    """
    if _is_remote(url):
        found = _find_remote(url)
    else:
        local = _find_local(url.removeprefix("file://"))
        found = [one for one in local if warehouse not in Path(os.path.realpath(one.path)).parents]
    if not found:
        raise NoExport(f"no export found in {url}: looked for {', '.join(_SUFFIXES)} and folders holding {README}")
    return found


def is_at(file_url: str, addresses: Collection[str]) -> bool:
    """Whether a URL is one of these addresses, or below one."""
    return any(file_url == one or file_url.startswith(f"{one}/") for one in addresses)


def printable(name: str) -> str:
    """The name of a file as UTF-8 text; other bytes are written \\xNN."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _is_remote(url: str) -> bool:
    return "://" in url and not url.startswith("file://")


def _find_local(url: str) -> list[Found]:
    path = str(Path(os.path.expanduser(url)))  # noqa: PTH111 (of `~nobody` pathlib makes an error)
    if not _is_folder(path) and _may_exist(path):
        return [Found(printable(path), path)]
    matches = [path] if _is_folder(path) else sorted(glob.glob(path, recursive=True))
    if not matches:
        raise NoExport(f"no such file or folder: {url}")
    closed: set[str] = set()
    names = {name for match in matches for name in (_walk(match, closed) if _is_folder(match) else [match])}
    exports = [name for name, _ in _exports(names)]
    closed = {name for name in closed if not any(str(folder) in exports for folder in Path(name).parents)}
    return [Found(printable(name), name) for name in sorted({*exports, *closed})]


def _is_folder(path: str) -> bool:
    try:
        return stat.S_ISDIR(Path(path).stat().st_mode)
    except OSError:
        return False


def _may_exist(path: str) -> bool:
    """Whether a file, pipe or link exists, or may exist in a folder that we may not search."""
    try:
        Path(path).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _walk(folder: str, closed: set[str]) -> Iterator[str]:
    """Yields the files in a folder, without hidden folders. Adds unreadable folders to `closed`."""

    def note(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            closed.add(str(Path(error.filename)))

    for place, folders, names in os.walk(folder, onerror=note):
        folders[:] = [name for name in folders if _is_visible(name)]
        yield from (str(Path(place, name)) for name in names)


def _find_remote(url: str) -> list[Found]:
    try:
        remote, path = fsspec.url_to_fs(url)
        remote.invalidate_cache()  # listings are cached otherwise
        if remote.isfile(path):
            return [Found(remote.unstrip_protocol(path), path, remote, infos={path: remote.info(path)})]
        infos = _files_under(remote, path)
    except FileNotFoundError:
        raise NoExport(f"no such file or folder: {url}") from None
    except Exception as error:  # each store raises other errors
        raise NoExport(f"cannot read {url}: {error}") from error
    return [
        Found(remote.unstrip_protocol(name), name, remote, inside, {one: infos[one] for one in inside or (name,)})
        for name, inside in _exports(infos)
    ]


def _files_under(remote: Any, path: str) -> dict[str, Mapping[str, Any]]:
    """The metadata of each remote file in a folder, or in the matches of a glob."""
    if remote.isdir(path):
        return dict(remote.find(path, detail=True))
    infos: dict[str, Mapping[str, Any]] = {}
    for name, info in remote.glob(path, detail=True).items():
        infos |= remote.find(name, detail=True) if info["type"] == "directory" else {name: info}
    if not infos:
        raise FileNotFoundError(path)
    return infos


def _exports(names: Iterable[str]) -> list[tuple[str, tuple[str, ...]]]:
    """The exports among files: folders with a README and their files, and single files that may be one."""
    found: dict[str, list[str]] = {}
    paths = sorted(map(PurePosixPath, names))
    folders = {path.parent for path in paths if path.name == README}
    for path in paths:
        if outermost := [folder for folder in reversed(path.parents) if folder in folders][:1]:
            found.setdefault(str(outermost[0]), []).append(str(path))
        elif _looks_like_export(path):
            found[str(path)] = []
    return [(name, tuple(found[name])) for name in sorted(found)]


def _is_visible(name: str) -> bool:
    return not name.startswith(".") and name != "__MACOSX"


def _looks_like_export(path: PurePosixPath) -> bool:
    return _is_visible(path.name) and path.parent.name != "__MACOSX" and path.name.lower().endswith(_SUFFIXES)
