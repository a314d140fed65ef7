"""Finds the byte spans of records in a JSON document: items of a list, a lone object, or JSON Lines.

The document is read in chunks, so memory does not grow with its size. The scanner looks only at quotes and brackets:
a record that is broken inside has a span too, and fails when it is parsed. The quick mode looks only at brackets and
takes half the time. It finds the same spans if brackets in texts are absent or balanced.
"""

import codecs
import io
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final

import numpy as np
import orjson

Span = tuple[int, int]

_CHUNK: Final = 1 << 20
_LONGEST_KEY: Final = 1 << 16
_LONGEST_LINE: Final = 1 << 26
_MANY_STRAYS: Final = 10_000
_BOM: Final = codecs.BOM_UTF8
_QUOTE: Final = ord('"')
_IS_BRACKET: Final = bytes(byte in b"[]{}" for byte in range(256))
_IS_STRUCTURAL: Final = bytes(byte in b'"[]{}' for byte in range(256))
_STEP: Final = np.zeros(256, np.int8)
_STEP[list(b"[{")] = 1
_STEP[list(b"]}")] = -1
_KEY: Final = re.compile(rb'"((?:[^"\\]|\\.)*)"\s*:\s*\Z')
_ITEM: Final = re.compile(rb'(?:"(?:[^"\\]|\\.)*"?|[^",])+', re.DOTALL)


_ENCODINGS: Final = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_ZERO_BYTES: Final[dict[tuple[bool, ...], str]] = {
    (False, True, True, True): "UTF-32",
    (True, True, True, False): "UTF-32",
    (False, True, False, True): "UTF-16",
    (True, False, True, False): "UTF-16",
}  # among the first four bytes of a text that begins in ASCII


class NotJson(ValueError):
    """The document as a whole is no JSON. The text says why, and at which byte."""


@dataclass(frozen=True)
class Records:
    """The records of a document: its layout, and their byte spans, found lazily."""

    is_list: bool
    is_lone: bool
    spans: Iterator[Span]


def encoding(beginning: bytes) -> str | None:
    """The encoding of a UTF-16 or UTF-32 text, with advice; null for others. By byte order mark or zero bytes."""
    zeros = tuple(byte == 0 for byte in beginning[:4])
    name = next((name for mark, name in _ENCODINGS if beginning.startswith(mark)), _ZERO_BYTES.get(zeros))
    return f"{name} text: save the file as UTF-8" if name else None


def records(document: IO[bytes], *, is_quick: bool = False) -> Records:
    """Finds the records of a document. Raises `NotJson` if its brackets do not close or text follows its end.

    `is_quick` ignores quotes. The spans are right if each of them is JSON.
    """
    start, first = _first_byte(document)
    if not is_quick and _is_json_lines(document, start, first):
        return Records(is_list=False, is_lone=False, spans=_lines(document, start))
    if first not in (b"[", b"{"):
        what = f"it starts with {first.decode('ascii', 'backslashreplace')!r}" if first else "it is empty"
        raise NotJson(f"not JSON: {what}")
    is_list = first == b"["
    opened, closed, end = _brackets(document, start, base=int(is_list), is_quick=is_quick)
    inner = (start + 1, end - 1) if is_list else (start, end)
    return Records(is_list, not is_list and len(opened) == 1, _spans(document, opened, closed, inner))


def items(document: IO[bytes], start: int, *, is_quick: bool = False) -> Iterator[Span]:
    """The spans of the items of a list that begins at a byte of a document. Raises `NotJson`."""
    opened, closed, end = _brackets(document, start, base=1, is_quick=is_quick, is_inner=True)
    return _spans(document, opened, closed, (start + 1, end - 1))


def members(text: bytes) -> Iterator[tuple[bytes, Span]]:
    """The key and span of each list and object in a JSON object. Raises `NotJson`."""
    document = io.BytesIO(text)
    start, first = _first_byte(document)
    if first != b"{":
        raise NotJson("not a JSON object")
    yield from members_at(document, start, is_inner=False)[0]


def members_at(document: IO[bytes], start: int, *, is_inner: bool = True) -> tuple[list[tuple[bytes, Span]], int]:
    """The same for an object that begins at a byte of a document, and the byte after it. Raises `NotJson`."""
    opened, closed, end = _brackets(document, start, base=1, is_inner=is_inner)
    found = []
    for begin, close in zip(opened, closed, strict=True):
        before = max(start + 1, begin - _LONGEST_KEY)
        document.seek(before)
        if key := _KEY.search(document.read(begin - before)):
            found.append((key[1], (begin, close)))
        start = close - 1
    return found, end


def _first_byte(document: IO[bytes]) -> tuple[int, bytes]:
    document.seek(0)
    head = document.read(len(_BOM))
    offset = len(_BOM) if head == _BOM else 0
    document.seek(offset)
    while piece := document.read(4096):
        if rest := piece.lstrip():
            return offset + len(piece) - len(rest), rest[:1]
        offset += len(piece)
    return offset, b""


def _brackets(
    document: IO[bytes], start: int, base: int, *, is_quick: bool = False, is_inner: bool = False
) -> tuple["array[int]", "array[int]", int]:
    """The brackets of records, at depth `base`, and the byte after the last bracket.

    `is_inner`: the scanned part is inside a document, which may go on after it.
    """
    opened, closed = array("q"), array("q")
    depth, in_text, end = 0, 0, start
    for offset, chunk in _chunks(document, start):
        if is_quick:
            positions, kinds = _found(chunk, _IS_BRACKET)
        else:
            positions, kinds, in_text = _outside_texts(chunk, in_text)
        positions, steps = positions + offset, _STEP[kinds]
        depths = np.cumsum(steps, dtype=np.int64) + depth
        last = np.flatnonzero(depths < 1 if base else depths < 0)[:1]
        if len(last):
            positions, steps, depths = (values[: last[0] + 1] for values in (positions, steps, depths))
        if len(positions):
            depth, end = int(depths[-1]), int(positions[-1]) + 1
            opened.frombytes(positions[(depths == base + 1) & (steps > 0)].astype(np.int64).tobytes())
            closed.frombytes((positions[(depths == base) & (steps < 0)] + 1).astype(np.int64).tobytes())
        if len(last):
            in_text = 0
            break
    if depth > 0 or in_text:
        raise NotJson(f"not JSON: cut short, a bracket or text is still open at its end, byte {document.tell()}")
    if depth < 0 or not _is_end(document, end, opener=_byte(document, start), is_inner=is_inner):
        raise NotJson(f"not JSON: text or a bracket too many at byte {end}")
    return opened, closed, end


def _is_end(document: IO[bytes], end: int, opener: bytes, *, is_inner: bool) -> bool:
    """Whether the bracket before `end` closes the first one, and nothing else follows."""
    is_fitting = opener + _byte(document, end - 1) in (b"[]", b"{}")
    return is_fitting and (is_inner or not any(chunk.strip() for _, chunk in _chunks(document, end)))


def _byte(document: IO[bytes], position: int) -> bytes:
    document.seek(position)
    return document.read(1)


def _chunks(document: IO[bytes], start: int) -> Iterator[tuple[int, bytes]]:
    """Yields chunks of the document with their offsets. No chunk ends in a backslash, which would split an escape."""
    offset = start
    document.seek(start)
    while chunk := document.read(_CHUNK):
        while chunk.endswith(b"\\") and (more := document.read(1)):
            chunk += more
        yield offset, chunk
        offset += len(chunk)


def _outside_texts(chunk: bytes, in_text: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Positions and bytes of brackets outside texts, and whether the chunk ends in a text (0 or 1)."""
    if b"\\" in chunk:
        chunk = chunk.replace(b"\\\\", b"  ").replace(b'\\"', b"  ")
    positions, kinds = _found(chunk, _IS_STRUCTURAL)
    is_quote = kinds == _QUOTE
    parity = (np.cumsum(is_quote, dtype=np.uint8) + np.uint8(in_text)) & 1
    is_bracket = (parity | is_quote) == 0
    return positions[is_bracket], kinds[is_bracket], int(parity[-1]) if len(parity) else in_text


def _found(chunk: bytes, is_wanted: bytes) -> tuple[np.ndarray, np.ndarray]:
    """The positions and bytes of the wanted characters."""
    positions = np.flatnonzero(np.frombuffer(chunk.translate(is_wanted), np.bool_))
    return positions, np.frombuffer(chunk, np.uint8)[positions]


def _spans(document: IO[bytes], opened: "array[int]", closed: "array[int]", inner: Span) -> Iterator[Span]:
    """Yields the records, and other text between them, which is rejected with its place."""
    end, strays = inner[0], 0
    for begin, close in [*zip(opened, closed, strict=True), (inner[1], 0)]:
        for stray in _strays(document, end, begin):
            yield stray
            strays += 1
            if strays > _MANY_STRAYS:
                raise NotJson(f"no export: more than {_MANY_STRAYS:,} of its items are no JSON objects")
        if close:
            yield begin, close
        end = close


def _strays(document: IO[bytes], begin: int, end: int) -> Iterator[Span]:
    """Yields the text between commas in a gap between records. Seeks first, because readers of records move the file.

    The last item of a chunk may go on in the next one. It is read again with that chunk, up to 64 MB.
    """
    size = _CHUNK
    while begin < end:
        document.seek(begin)
        gap = document.read(min(end - begin, size))
        if gap.strip() in (b"", b","):
            begin += len(gap)
            continue
        is_whole = begin + len(gap) >= end or size >= _LONGEST_LINE
        items = list(_ITEM.finditer(gap))[: None if is_whole else -1]
        for item in items:
            if text := item[0].strip():
                start = begin + item.start() + item[0].index(text)
                yield start, start + len(text)
        if is_whole:
            begin += len(gap)
        elif items:
            begin += items[-1].end()
        size = _CHUNK if items else size * 2


def _is_json_lines(document: IO[bytes], start: int, first: bytes) -> bool:
    """Whether the document is JSON Lines: one of several lines is an object by itself. Looks at 64 MB.

    The last item of a list may have its own line. Two such lines in turn are no list, which has a comma between them.
    """
    wanted = 2 if first == b"[" else 1
    lines = in_turn = 0
    is_found = False
    end = start + _LONGEST_LINE
    document.seek(start)
    while document.tell() < end and (line := _line(document)):
        if line.strip():
            lines += 1
            in_turn = in_turn + 1 if _is_object(line) else 0
            is_found = is_found or in_turn == wanted
        if is_found and lines > 1:
            return True
    return False


def _line(document: IO[bytes]) -> bytes:
    """The next line, or its beginning if it is long and cannot be an object."""
    line = piece = document.readline(_CHUNK)
    if line.startswith(b"{") and not line.endswith(b"\n"):
        return line + document.readline(_LONGEST_LINE)
    while piece and not piece.endswith(b"\n"):
        piece = document.readline(_CHUNK)
    return line


def _is_object(line: bytes) -> bool:
    try:
        return line.startswith(b"{") and isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _lines(document: IO[bytes], start: int) -> Iterator[Span]:
    """Yields the lines that are not blank. The consumer may move the file's position."""
    while True:
        document.seek(start)
        line = document.readline()
        if not line:
            return
        if text := line.strip():
            begin = start + line.index(text)
            yield begin, begin + len(text)
        start += len(line)
