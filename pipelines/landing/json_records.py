"""Finds the byte spans of the records of a JSON document: a list's items, a lone object, or JSON Lines.

The document is read in chunks, so memory does not grow with its size. Only quotes and brackets are examined: a record
with a syntax error does not affect its neighbours, and is rejected when it is parsed. The quick way examines brackets
only. It takes half the time, and is right if no text contains brackets, or only balanced ones.
"""

import codecs
import io
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final

import numpy as np

from pipelines.landing import json_lines

Span = tuple[int, int]

_CHUNK: Final = 1 << 20
_MAX_KEY: Final = 1 << 16
_MAX_NON_OBJECTS: Final = 10_000
_BOM: Final = codecs.BOM_UTF8
_QUOTE: Final = ord('"')
_IS_BRACKET: Final = bytes(byte in b"[]{}" for byte in range(256))
_IS_STRUCTURAL: Final = bytes(byte in b'"[]{}' for byte in range(256))
_DEPTH_CHANGE: Final = np.zeros(256, np.int8)
_DEPTH_CHANGE[list(b"[{")] = 1
_DEPTH_CHANGE[list(b"]}")] = -1
_KEY: Final = re.compile(rb'"((?:[^"\\]|\\.)*)"\s*:\s*\Z')
_ITEM: Final = re.compile(rb'(?:"(?:[^"\\]|\\.)*"?|[^",])+', re.DOTALL)


_ENCODINGS: Final = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_ENCODING_BY_ZERO_BYTES: Final[dict[tuple[bool, ...], str]] = {
    (False, True, True, True): "UTF-32",
    (True, True, True, False): "UTF-32",
    (False, True, False, True): "UTF-16",
    (True, False, True, False): "UTF-16",
}  # which of the first four bytes are zero, in a text that begins with ASCII characters


class NotJson(ValueError):
    """The document as a whole is not JSON. The message has the reason and the byte."""


@dataclass(frozen=True)
class Records:
    """The records of a document: whether they are a list or a lone object, and their byte spans, found lazily."""

    is_list: bool
    is_lone: bool
    spans: Iterator[Span]


def encoding(beginning: bytes) -> str | None:
    """An error text if a text is UTF-16 or UTF-32, by its byte order mark or its zero bytes; else null."""
    zeros = tuple(byte == 0 for byte in beginning[:4])
    name = next((name for mark, name in _ENCODINGS if beginning.startswith(mark)), _ENCODING_BY_ZERO_BYTES.get(zeros))
    return f"{name} text: save the file as UTF-8" if name else None


def records(document: IO[bytes], *, is_quick: bool = False) -> Records:
    """Finds the records of a document. Raises `NotJson` if its brackets are unbalanced or text follows its end.

    `is_quick` counts brackets inside texts too. Its result is right if each of the records is valid JSON.
    """
    start, first = _first_byte(document)
    if not is_quick and json_lines.is_json_lines(document, start, first):
        return Records(is_list=False, is_lone=False, spans=json_lines.spans(document, start))
    if first not in (b"[", b"{"):
        reason = f"it starts with {first.decode('ascii', 'backslashreplace')!r}" if first else "it is empty"
        raise NotJson(f"not JSON: {reason}")
    is_list = first == b"["
    opened, closed, end = _brackets(document, start, base=int(is_list), is_quick=is_quick)
    inner = (start + 1, end - 1) if is_list else (start, end)
    return Records(is_list, not is_list and len(opened) == 1, _spans(document, opened, closed, inner))


def items(document: IO[bytes], start: int, *, is_quick: bool = False) -> Iterator[Span]:
    """The spans of the items of a list that begins at a byte of a document. Raises `NotJson`."""
    opened, closed, end = _brackets(document, start, base=1, is_quick=is_quick, is_inner=True)
    return _spans(document, opened, closed, (start + 1, end - 1))


def members(text: bytes) -> Iterator[tuple[bytes, Span]]:
    """The key and span of each value of a JSON object that is a list or object. Raises `NotJson`."""
    document = io.BytesIO(text)
    start, first = _first_byte(document)
    if first != b"{":
        raise NotJson("not a JSON object")
    yield from members_at(document, start, is_inner=False)[0]


def members_at(document: IO[bytes], start: int, *, is_inner: bool = True) -> tuple[list[tuple[bytes, Span]], int]:
    """The `members` of an object that begins at a byte of a document, and the byte after it. Raises `NotJson`."""
    opened, closed, end = _brackets(document, start, base=1, is_inner=is_inner)
    spans = []
    for begin, close in zip(opened, closed, strict=True):
        before = max(start + 1, begin - _MAX_KEY)
        document.seek(before)
        if key := _KEY.search(document.read(begin - before)):
            spans.append((key[1], (begin, close)))
        start = close - 1
    return spans, end


def _first_byte(document: IO[bytes]) -> tuple[int, bytes]:
    """The position and value of the first byte that is neither white space nor part of the byte order mark."""
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
    """The positions where records, at depth `base`, open and close, and the byte after the last bracket.

    `is_inner`: only a part of the document is scanned, so text may follow it.
    """
    opened, closed = array("q"), array("q")
    depth, in_text, end = 0, 0, start
    for offset, chunk in _chunks(document, start):
        if is_quick:
            positions, kinds = _positions(chunk, _IS_BRACKET)
        else:
            positions, kinds, in_text = _outside_texts(chunk, in_text)
        positions, steps = positions + offset, _DEPTH_CHANGE[kinds]
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
    """Whether the bracket before `end` matches the opening one, and, unless `is_inner`, only white space follows."""
    is_matching = opener + _byte(document, end - 1) in (b"[]", b"{}")
    return is_matching and (is_inner or not any(chunk.strip() for _, chunk in _chunks(document, end)))


def _byte(document: IO[bytes], position: int) -> bytes:
    document.seek(position)
    return document.read(1)


def _chunks(document: IO[bytes], start: int) -> Iterator[tuple[int, bytes]]:
    """Chunks of the document with their offsets. None ends in a backslash, which would escape the next chunk's byte."""
    offset = start
    document.seek(start)
    while chunk := document.read(_CHUNK):
        while chunk.endswith(b"\\") and (more := document.read(1)):
            chunk += more
        yield offset, chunk
        offset += len(chunk)


def _outside_texts(chunk: bytes, in_text: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Positions and values of brackets outside texts, and whether the chunk ends inside a text, 0 or 1.

    `in_text`: whether it begins inside one.
    """
    if b"\\" in chunk:
        chunk = chunk.replace(b"\\\\", b"  ").replace(b'\\"', b"  ")
    positions, kinds = _positions(chunk, _IS_STRUCTURAL)
    is_quote = kinds == _QUOTE
    parity = (np.cumsum(is_quote, dtype=np.uint8) + np.uint8(in_text)) & 1
    is_bracket = (parity | is_quote) == 0
    return positions[is_bracket], kinds[is_bracket], int(parity[-1]) if len(parity) else in_text


def _positions(chunk: bytes, is_wanted: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Positions and values of the bytes for which the table `is_wanted` has 1."""
    positions = np.flatnonzero(np.frombuffer(chunk.translate(is_wanted), np.bool_))
    return positions, np.frombuffer(chunk, np.uint8)[positions]


def _spans(document: IO[bytes], opened: "array[int]", closed: "array[int]", inner: Span) -> Iterator[Span]:
    """The spans of records and of other items between them, which become rejects."""
    end, other_count = inner[0], 0
    for begin, close in [*zip(opened, closed, strict=True), (inner[1], 0)]:
        for span in _items_between(document, end, begin):
            yield span
            other_count += 1
            if other_count > _MAX_NON_OBJECTS:
                raise NotJson(f"not an export: more than {_MAX_NON_OBJECTS:,} of its items are not JSON objects")
        if close:
            yield begin, close
        end = close


def _items_between(document: IO[bytes], begin: int, end: int) -> Iterator[Span]:
    """The spans of items between commas in a gap between records.

    Seeks before each read, because the consumer of a span moves the file's position. The last item of a chunk may
    continue in the next one, so it is read again together with it, up to 64 MB.
    """
    size = _CHUNK
    while begin < end:
        document.seek(begin)
        gap = document.read(min(end - begin, size))
        if gap.strip() in (b"", b","):
            begin += len(gap)
            continue
        is_whole = begin + len(gap) >= end or size >= json_lines.MAX_LINE
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
