"""Recognises JSON Lines, also with broken lines, and finds the byte spans of its lines."""

from collections.abc import Iterator
from typing import IO, Final

import orjson

MAX_LINE: Final = 1 << 26
_CHUNK: Final = 1 << 20


def is_json_lines(document: IO[bytes], start: int, first: bytes) -> bool:
    """Whether the document is JSON Lines: one of several lines in its first 64 MB is an object by itself.

    `start` and `first`: position and value of the first byte. In a document that starts with a bracket, two consecutive
    lines must be objects: the last item of a list may have a line of its own, but items of a list have commas between.
    """
    wanted = 2 if first == b"[" else 1
    line_count = consecutive = 0
    has_objects = False
    end = start + MAX_LINE
    document.seek(start)
    while document.tell() < end and (line := _line(document)):
        if line.strip():
            line_count += 1
            consecutive = consecutive + 1 if _is_object(line) else 0
            has_objects = has_objects or consecutive == wanted
        if has_objects and line_count > 1:
            return True
    return False


def spans(document: IO[bytes], start: int) -> Iterator[tuple[int, int]]:
    """The byte spans of the lines that are not blank. Seeks before each read, as consumers move the position."""
    while True:
        document.seek(start)
        line = document.readline()
        if not line:
            return
        if text := line.strip():
            begin = start + line.index(text)
            yield begin, begin + len(text)
        start += len(line)


def _line(document: IO[bytes]) -> bytes:
    """The next line, or only its beginning if the line is long and cannot be an object."""
    line = rest = document.readline(_CHUNK)
    if line.startswith(b"{") and not line.endswith(b"\n"):
        return line + document.readline(MAX_LINE)
    while rest and not rest.endswith(b"\n"):
        rest = document.readline(_CHUNK)
    return line


def _is_object(line: bytes) -> bool:
    try:
        return line.startswith(b"{") and isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False
