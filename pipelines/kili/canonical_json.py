"""Writes JSON for hashing and storing: compact, keys sorted, UTF-8. Equal values have equal texts."""

from typing import Any

import orjson


def dumps(value: Any) -> bytes:
    """The JSON text of a value, of any depth."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # orjson reads 1,024 levels but writes 254
        return b"".join(_pieces(value))


def text(value: Any) -> str:
    """The JSON text as `str`."""
    return dumps(value).decode()


def _pieces(value: Any) -> list[bytes]:
    """The text in pieces, without recursion: containers are opened on a stack, in which text is `bytes`."""
    pieces: list[bytes] = []
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            inside = [part for key in sorted(item) for part in (b",", orjson.dumps(key) + b":", item[key])]
            stack += [b"}", *reversed(inside[1:]), b"{"]
        elif isinstance(item, list):
            inside = [part for one in item for part in (b",", one)]
            stack += [b"]", *reversed(inside[1:]), b"["]
        else:
            pieces.append(item if isinstance(item, bytes) else orjson.dumps(item))
    return pieces
