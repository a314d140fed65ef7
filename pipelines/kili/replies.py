"""Recognises saved replies of Kili's GraphQL API: `{"data": {"assets": […]}}`, or the value of `data`.

Kili's own client calls the list `data` in its queries, so that `{"data": {"data": […]}}` is a reply too.
"""

import re
from dataclasses import dataclass
from typing import IO, Final

import orjson

from pipelines.landing import json_records

ERRORS: Final = "Kili's API reported errors with these records, which may be incomplete: run the query again"
_BEGINNING: Final = 1 << 14
_LONGEST_OUTSIDE: Final = 1 << 20
_LISTS: Final = ("assets", "labels", "data")
_LABELS_ALONE: Final = re.compile(rb'\s*\{\s*"labels"\s*:\s*\[')
_NO_REPLY: Final = {
    "id",
    "externalId",
    "labelType",
    "jsonResponse",
    "labelOf",
    "assetId",
    "latestLabel",
    "latestLabels",
    "annotations",
    "completions",
    "predictions",
}
"""Keys of assets and labels, and of Label Studio's tasks."""


@dataclass(frozen=True)
class Reply:
    """A reply: the byte positions of its lists of assets or labels, by JSON pointer."""

    lists: dict[str, int]
    has_errors: bool

    @property
    def refusal(self) -> str:
        """Why a reply without lists cannot be loaded, and what to do."""
        if self.has_errors:
            return (
                "a reply of Kili's API that reports errors and holds no data: check the key and the query, "
                "and run the query again"
            )
        return "a reply of Kili's API without a list of assets or labels: query these, or export the project"


def parse(document: IO[bytes], span: json_records.Span) -> Reply | None:
    """The reply at a span of a document; null if it is none. Large replies are read in pieces."""
    if not _may_be_reply(_read(document, span[0], min(span[1], span[0] + _BEGINNING))):
        return None
    try:
        keys, members = _object(document, span[0])
        if keys & _NO_REPLY or not (keys == {"labels"} or (keys & {"data", "assets"} and "labels" not in keys)):
            return None
        prefix, inside = "", members
        if "data" in members and _is(document, members["data"], b"{"):
            prefix, (_, inside) = "/data", _object(document, members["data"][0])
    except (json_records.NotJson, orjson.JSONDecodeError):
        return None
    found = {name: inside[name] for name in _LISTS if name in inside}
    lists = {f"{prefix}/{name}": place[0] for name, place in found.items() if _is(document, place, b"[")}
    errors = _read(document, *members["errors"]) if "errors" in members else b""
    return Reply(lists, has_errors=bool(errors.strip(b"[] \t\r\n")))


def _may_be_reply(beginning: bytes) -> bool:
    return b'"data"' in beginning or b'"assets"' in beginning or _LABELS_ALONE.match(beginning) is not None


def _object(document: IO[bytes], start: int) -> tuple[set[str], dict[str, json_records.Span]]:
    """The keys of an object, and the spans of its lists and objects. Raises `NotJson` or `JSONDecodeError`."""
    members, end = json_records.members_at(document, start)
    pieces, at = [], start
    for _, (begin, close) in members:
        pieces += [_read(document, at, begin), b"null"]
        at = close
    pieces.append(_read(document, at, end))
    return set(orjson.loads(b"".join(pieces))), {orjson.loads(b'"%b"' % key): span for key, span in members}


def _is(document: IO[bytes], span: json_records.Span, bracket: bytes) -> bool:
    return _read(document, span[0], span[0] + 1) == bracket


def _read(document: IO[bytes], begin: int, end: int) -> bytes:
    document.seek(begin)
    return document.read(min(end - begin, _LONGEST_OUTSIDE))
