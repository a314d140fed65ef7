"""Finds export files: one file, a folder searched recursively, or a glob; local, or any URL that fsspec understands.

Local files are read in place. Remote ones are fetched into the landing folder, under the hash of their content.
"""

import glob
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
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


def find(url: str, landing: Path) -> list[Landed]:
    """All exports under a URL, in the order of their names. Raises `NoExport`."""
    found = _find_remote(url, landing) if _is_remote(url) else _find_local(url.removeprefix("file://"))
    if not found:
        raise NoExport(f"no export found in {url}: looked for {', '.join(_SUFFIXES)} and folders holding {README}")
    return found


def _is_remote(url: str) -> bool:
    return "://" in url and not url.startswith("file://")


def _find_local(url: str) -> list[Landed]:
    path = Path(url).expanduser()
    if path.is_file():
        return [Landed(str(path), path)]
    if path.is_dir():
        return [Landed(str(one), one) for one in _exports_under(path)]
    matches = sorted(Path(name) for name in glob.glob(str(path), recursive=True))
    if not matches:
        raise NoExport(f"no such file or folder: {url}")
    inside = [one for match in matches for one in (_exports_under(match) if match.is_dir() else [match])]
    return [Landed(str(one), one) for one in dict.fromkeys(inside)]


def _exports_under(folder: Path) -> Iterator[Path]:
    """Files that may be exports, and folders that are one; hidden ones and leftovers of the Mac's archiver aside."""
    for place, folders, names in os.walk(folder):
        if README in names:
            folders.clear()
            yield Path(place)
            continue
        folders[:] = sorted(name for name in folders if _is_visible(name))
        yield from (Path(place, name) for name in sorted(names) if _is_visible(name) and _looks_like_export(name))


def _is_visible(name: str) -> bool:
    return not name.startswith(".") and name != "__MACOSX"


def _looks_like_export(name: str) -> bool:
    return name.lower().endswith(_SUFFIXES)


def _find_remote(url: str, landing: Path) -> list[Landed]:
    try:
        files, path = fsspec.url_to_fs(url)
        return list(_fetch_all(files, path, landing))
    except FileNotFoundError:
        raise NoExport(f"no such file or folder: {url}") from None
    except (ImportError, ValueError, OSError) as error:
        raise NoExport(f"cannot read {url}: {error}") from error


def _fetch_all(files: Any, path: str, landing: Path) -> Iterator[Landed]:
    if files.isfile(path):
        yield _fetch(files, path, landing)
        return
    names = sorted(files.find(path) if files.isdir(path) else _found_by_glob(files, path))
    folders = [str(PurePosixPath(name).parent) for name in names if PurePosixPath(name).name == README]
    for folder in folders:
        inside = [name for name in names if PurePosixPath(name).is_relative_to(folder)]
        yield _fetch_folder(files, folder, inside, landing)
    for name in names:
        is_inside = any(PurePosixPath(name).is_relative_to(folder) for folder in folders)
        is_visible = all(_is_visible(part) for part in PurePosixPath(name).relative_to(path_root(path)).parts)
        if not is_inside and is_visible and _looks_like_export(name):
            yield _fetch(files, name, landing)


def path_root(path: str) -> str:
    """The part of a remote path before its first wildcard."""
    fixed = [part for part in PurePosixPath(path).parts]
    wild = next((i for i, part in enumerate(fixed) if glob.has_magic(part)), len(fixed))
    return str(PurePosixPath(*fixed[:wild]))


def _found_by_glob(files: Any, path: str) -> Iterable[str]:
    matches = files.glob(path)
    if not matches:
        raise FileNotFoundError(path)
    return [name for match in matches for name in (files.find(match) if files.isdir(match) else [match])]


def _fetch(files: Any, name: str, landing: Path) -> Landed:
    """A copy under landing/<hash of the bytes>/, made in one step so that half a file is never read."""
    landing.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with tempfile.NamedTemporaryFile(dir=landing, delete=False) as copy, files.open(name, "rb") as source:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            copy.write(chunk)
    target = landing / digest.hexdigest() / PurePosixPath(name).name
    target.parent.mkdir(exist_ok=True)
    os.replace(copy.name, target)
    return Landed(files.unstrip_protocol(name), target)


def _fetch_folder(files: Any, folder: str, names: Iterable[str], landing: Path) -> Landed:
    landing.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    copy = Path(tempfile.mkdtemp(dir=landing))
    for name in names:
        inside = copy / PurePosixPath(name).relative_to(folder)
        inside.parent.mkdir(parents=True, exist_ok=True)
        fetched = _fetch(files, name, landing).path
        digest.update(f"{fetched.parent.name} {name}\n".encode())
        shutil.move(fetched, inside)
        fetched.parent.rmdir()
    target = landing / digest.hexdigest() / PurePosixPath(folder).name
    if target.exists():
        shutil.rmtree(copy)
    else:
        target.parent.mkdir(exist_ok=True)
        os.replace(copy, target)
    return Landed(files.unstrip_protocol(folder), target)
