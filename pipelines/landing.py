"""Finds export files: one file, a folder searched recursively, or a glob; local, or any URL that fsspec understands.

Local files are read in place. Remote ones are fetched into the landing folder, under the hash of their content.
"""

import glob
import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import fsspec

README: Final = "README.kili.txt"
_SUFFIXES: Final = (".json", ".json.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".zip")
_CHUNK: Final = 1 << 20


class NoExport(Exception):
    """There is nothing to load: the path is missing, or no file there looks like an export."""


@dataclass(frozen=True)
class Landed:
    """An export to read: where it was found, and the local file or folder that holds it."""

    url: str
    path: Path


@dataclass(frozen=True)
class Found:
    """An export where it lies: a local file or folder, or the remote files that make it up."""

    url: str
    path: str
    remote: Any = None
    names: tuple[str, ...] = ()


def find(url: str, warehouse: Path) -> list[Found]:
    """All exports under a URL, in the order of their names; never what the warehouse itself is made of.

    Raises `NoExport`.
    """
    if _is_remote(url):
        found = _find_remote(url)
    else:
        local = _find_local(url.removeprefix("file://"))
        found = [one for one in local if warehouse not in Path(one.path).resolve().parents]
    if not found:
        raise NoExport(f"no export found in {url}: looked for {', '.join(_SUFFIXES)} and folders holding {README}")
    return found


def land(found: Found, landing: Path) -> Landed:
    """The export as a local file or folder: itself, or a copy in the landing folder. Raises `NoExport`."""
    if found.remote is None:
        return Landed(found.url, Path(found.path))
    landing.mkdir(parents=True, exist_ok=True)
    try:
        return Landed(found.url, _fetch_folder(found, landing) if found.names else _fetch(found, found.path, landing))
    except OSError as error:
        raise NoExport(f"cannot read {found.url}: {error}") from error


def _is_remote(url: str) -> bool:
    return "://" in url and not url.startswith("file://")


def _find_local(url: str) -> list[Found]:
    path = Path(url).expanduser()
    if path.is_file():
        return [_local(path)]
    if path.is_dir():
        return [_local(one) for one in _exports_under(path)]
    matches = sorted(Path(name) for name in glob.glob(str(path), recursive=True))
    if not matches:
        raise NoExport(f"no such file or folder: {url}")
    inside = [one for match in matches for one in (_exports_under(match) if match.is_dir() else [match])]
    return [_local(one) for one in dict.fromkeys(inside)]


def _local(path: Path) -> Found:
    return Found(str(path), str(path))


def _exports_under(folder: Path) -> Iterator[Path]:
    """Files that may be exports, and folders that are one; hidden ones and leftovers of the Mac's archiver aside."""
    for place, folders, names in os.walk(folder):
        if README in names:
            folders.clear()
            yield Path(place)
            continue
        folders[:] = sorted(name for name in folders if _is_visible(name))
        yield from (Path(place, name) for name in sorted(names) if _looks_like_export(name))


def _is_visible(name: str) -> bool:
    return not name.startswith(".") and name != "__MACOSX"


def _looks_like_export(name: str) -> bool:
    return _is_visible(name) and name.lower().endswith(_SUFFIXES)


def _find_remote(url: str) -> list[Found]:
    try:
        remote, path = fsspec.url_to_fs(url)
        if remote.isfile(path):
            return [Found(remote.unstrip_protocol(path), path, remote)]
        return list(_remote_exports(remote, _names_under(remote, path)))
    except FileNotFoundError:
        raise NoExport(f"no such file or folder: {url}") from None
    except (ImportError, ValueError, OSError) as error:
        raise NoExport(f"cannot read {url}: {error}") from error


def _names_under(remote: Any, path: str) -> list[str]:
    matches = [path] if remote.isdir(path) else remote.glob(path)
    if not matches:
        raise FileNotFoundError(path)
    return sorted({name for match in matches for name in (remote.find(match) if remote.isdir(match) else [match])})


def _remote_exports(remote: Any, names: list[str]) -> Iterator[Found]:
    folders = {str(PurePosixPath(name).parent) for name in names if PurePosixPath(name).name == README}
    for folder in sorted(folders):
        inside = tuple(name for name in names if PurePosixPath(name).is_relative_to(folder))
        yield Found(remote.unstrip_protocol(folder), folder, remote, inside)
    for name in names:
        is_inside = any(PurePosixPath(name).is_relative_to(folder) for folder in folders)
        if not is_inside and _looks_like_export(PurePosixPath(name).name):
            yield Found(remote.unstrip_protocol(name), name, remote)


def _fetch(found: Found, name: str, landing: Path) -> Path:
    """A copy at landing/<hash of the bytes>/, made in one step so that half a file is never read."""
    digest = hashlib.sha256()
    with tempfile.NamedTemporaryFile(dir=landing, delete=False) as copy, found.remote.open(name, "rb") as source:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            copy.write(chunk)
    target = landing / digest.hexdigest() / PurePosixPath(name).name
    target.parent.mkdir(exist_ok=True)
    os.replace(copy.name, target)
    return target


def _fetch_folder(found: Found, landing: Path) -> Path:
    digest = hashlib.sha256()
    with tempfile.TemporaryDirectory(dir=landing) as made:
        copy = Path(made, PurePosixPath(found.path).name)
        for name in found.names:
            inside = copy / PurePosixPath(name).relative_to(found.path)
            inside.parent.mkdir(parents=True, exist_ok=True)
            fetched = _fetch(found, name, Path(made))
            digest.update(f"{fetched.parent.name} {name}\n".encode())
            os.replace(fetched, inside)
        target = landing / digest.hexdigest() / copy.name
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            os.replace(copy, target)
    return target
