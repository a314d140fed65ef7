"""Canonical JSON, the form that is hashed and stored: compact, sorted keys, UTF-8. Equal values give equal text."""

from typing import Any

import orjson


def dumps(value: Any) -> bytes:
    """Returns a JSON value as canonical JSON in UTF-8. The nesting depth is not limited."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # orjson reads 1,024 levels but writes 254
        return b"".join(_pieces(value))


def text(value: Any) -> str:
    """Returns a JSON value as canonical JSON."""
    return dumps(value).decode()


def _pieces(value: Any) -> list[bytes]:
    """Returns the JSON text in pieces.

    A stack replaces recursion. It holds values still to be written and, as `bytes`, text that is already written.
    """
    pieces: list[bytes] = []
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            inside = [part for key in sorted(item) for part in (b",", orjson.dumps(key) + b":", item[key])]
            stack += [b"}", *reversed(inside[1:]), b"{"]
        elif isinstance(item, list):
            inside = [part for element in item for part in (b",", element)]
            stack += [b"]", *reversed(inside[1:]), b"["]
        else:
            pieces.append(item if isinstance(item, bytes) else orjson.dumps(item))
    return pieces
