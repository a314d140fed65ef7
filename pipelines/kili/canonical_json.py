"""JSON as it is hashed and stored: compact, keys sorted, UTF-8; equal values give equal text."""

from typing import Any

import orjson


def dumps(value: Any) -> bytes:
    """A JSON value as text, however deep it nests."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # orjson reads 1,024 levels but writes 254
        return b"".join(_pieces(value))


def text(value: Any) -> str:
    """The same as `str`."""
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
