"""Finds export files: one file, a folder searched recursively, or a glob; local, or any URL that fsspec understands.

Local files are read in place. Remote ones are fetched into the landing folder, under the hash of their content.
"""

import glob
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import fsspec

README: Final = "README.kili.txt"
EXPORT_AGAIN: Final = "export the project again in Kili's own format (kili)"
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


def printable(name: str) -> str:
    """A file's name as text that every table can hold: bytes that are no UTF-8 are written \\xNN."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _is_remote(url: str) -> bool:
    return "://" in url and not url.startswith("file://")


def _find_local(url: str) -> list[Found]:
    path = Path(url).expanduser()
    if path.is_file():
        return [Found(printable(str(path)), str(path))]
    matches = [str(path)] if path.is_dir() else sorted(glob.glob(str(path), recursive=True))
    if not matches:
        raise NoExport(f"no such file or folder: {url}")
    names = {name for match in matches for name in (_walk(match) if Path(match).is_dir() else [match])}
    files = (name for name in names if Path(name).is_file())
    return [Found(printable(name), name) for name, _ in _exports(files)]


def _walk(folder: str) -> Iterator[str]:
    """The files in a folder, hidden folders aside."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if _is_visible(name)]
        yield from (str(Path(place, name)) for name in names)


def _find_remote(url: str) -> list[Found]:
    try:
        remote, path = fsspec.url_to_fs(url)
        if remote.isfile(path):
            return [Found(remote.unstrip_protocol(path), path, remote)]
        found = _exports(_names_under(remote, path))
        return [Found(remote.unstrip_protocol(name), name, remote, inside) for name, inside in found]
    except FileNotFoundError:
        raise NoExport(f"no such file or folder: {url}") from None
    except (ImportError, ValueError, OSError) as error:
        raise NoExport(f"cannot read {url}: {error}") from error


def _names_under(remote: Any, path: str) -> set[str]:
    matches = [path] if remote.isdir(path) else remote.glob(path)
    if not matches:
        raise FileNotFoundError(path)
    return {name for match in matches for name in (remote.find(match) if remote.isdir(match) else [match])}


def _exports(names: Iterable[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Of these files, folders that are an export, with what is in them, and files beside them that may be one."""
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
        copy = Path(made, "export", PurePosixPath(found.path).name)
        for name in found.names:
            inside = copy.joinpath(*_harmless(PurePosixPath(name).relative_to(found.path)))
            inside.parent.mkdir(parents=True, exist_ok=True)
            fetched = _fetch(found, name, Path(made))
            digest.update(f"{fetched.parent.name} {name}\n".encode())
            os.replace(fetched, inside)
        target = landing / digest.hexdigest() / copy.name
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            os.replace(copy, target)
    return target


def _harmless(path: PurePosixPath) -> list[str]:
    """The parts of a remote name, which may hold `..` and must not lead out of the landing folder."""
    return ["__" if part == ".." else part for part in path.parts]
