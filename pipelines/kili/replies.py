"""Saved replies of Kili's GraphQL API: `{"data": {"assets": […]}}`, or only the object under `data`.

Kili's own client names the list `data` in its queries, so `{"data": {"data": […]}}` is a reply too.
"""

import re
from dataclasses import dataclass
from typing import IO, Final

import orjson

from pipelines.landing import json_records

ERRORS: Final = "Kili's API reported errors with these records, which may be incomplete: run the query again"
_BEGINNING: Final = 1 << 14
_MAX_READ_BYTES: Final = 1 << 20
_LIST_KEYS: Final = ("assets", "labels", "data")
_ONLY_LABELS: Final = re.compile(rb'\s*\{\s*"labels"\s*:\s*\[')
_RECORD_KEYS: Final = {
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
"""Keys of assets, labels and Label Studio tasks. An object with one of them is not a reply."""


@dataclass(frozen=True)
class Reply:
    """A reply. `lists` maps the JSON pointer of each list of assets or labels to its first byte in the document."""

    lists: dict[str, int]
    has_errors: bool

    @property
    def refusal(self) -> str:
        """Returns why a reply without lists cannot be loaded, with the remedy."""
        if self.has_errors:
            return (
                "a reply of Kili's API that reports errors and holds no data: check the key and the query, "
                "and run the query again"
            )
        return "a reply of Kili's API without a list of assets or labels: query these, or export the project"


def find_reply(document: IO[bytes], span: json_records.Span) -> Reply | None:
    """Returns the reply at a span of a document, or null. Reads the document in pieces, since a reply may be large."""
    if not _may_be_reply(_read(document, span[0], min(span[1], span[0] + _BEGINNING))):
        return None
    try:
        keys, members = _object(document, span[0])
        if keys & _RECORD_KEYS or not (keys == {"labels"} or (keys & {"data", "assets"} and "labels" not in keys)):
            return None
        prefix, inside = "", members
        if "data" in members and _starts_with(document, members["data"], b"{"):
            prefix, (_, inside) = "/data", _object(document, members["data"][0])
    except (json_records.NotJson, orjson.JSONDecodeError):
        return None
    spans = {name: inside[name] for name in _LIST_KEYS if name in inside}
    lists = {f"{prefix}/{name}": span[0] for name, span in spans.items() if _starts_with(document, span, b"[")}
    errors = _read(document, *members["errors"]) if "errors" in members else b""
    return Reply(lists, has_errors=bool(errors.strip(b"[] \t\r\n")))


def _may_be_reply(beginning: bytes) -> bool:
    return b'"data"' in beginning or b'"assets"' in beginning or _ONLY_LABELS.match(beginning) is not None


def _object(document: IO[bytes], start: int) -> tuple[set[str], dict[str, json_records.Span]]:
    """Returns all keys of an object, and the spans of its lists and objects. Raises `NotJson` or `JSONDecodeError`."""
    members, end = json_records.members_at(document, start)
    pieces, at = [], start
    for _, (begin, close) in members:
        pieces += [_read(document, at, begin), b"null"]
        at = close
    pieces.append(_read(document, at, end))
    return set(orjson.loads(b"".join(pieces))), {orjson.loads(b'"%b"' % key): span for key, span in members}


def _starts_with(document: IO[bytes], span: json_records.Span, bracket: bytes) -> bool:
    return _read(document, span[0], span[0] + 1) == bracket


def _read(document: IO[bytes], begin: int, end: int) -> bytes:
    document.seek(begin)
    return document.read(min(end - begin, _MAX_READ_BYTES))
