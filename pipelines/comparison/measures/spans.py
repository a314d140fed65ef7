"""Spans of text, by their character offsets.

Offsets count UTF-16 code units, as browsers do. They count from the start of a node of the document.
"""

from typing import Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.comparison.arrays import Flags, Floats, Integers, hash_rows, key, numbers, overlap
from pipelines.comparison.features import extra as features_extra
from pipelines.kili import canonical_json

_ASTRAL: Final = r"[\x{10000}-\x{10FFFF}]"
"""The characters that take two UTF-16 code units."""


def read(table: pa.Table, is_entity: Flags, owner: Integers) -> Integers:
    """(n, 3): node, first character, character after the last; -1 for rows without a begin offset.

    `owner` is an even number for the left label of a pair and the next number for the right label. A missing end is
    computed from the text. Reversed offsets are put in order. A span from one node to another, whose offsets count
    from different places, becomes a node of its own: two such spans share all or nothing.
    """
    span = np.stack([np.full(len(table), -1), numbers(table, "begin_offset"), numbers(table, "end_offset")], axis=1)
    rows = np.flatnonzero(span[:, 1] >= 0)
    span[rows, 2] = np.where(span[rows, 2] < 0, span[rows, 1] + _lengths(table, rows), span[rows, 2])
    nodes = np.full((len(table), 2), -1)
    named = rows[is_entity[rows]]
    nodes[named] = _nodes(table, named, owner[named])
    is_across = nodes[rows, 0] != nodes[rows, 1]
    across, within = rows[is_across], rows[~is_across]
    span[within] = np.column_stack([nodes[within, 0], np.sort(span[within, 1:], axis=1)])
    order = np.argsort(nodes[across], axis=1)
    ends = [np.take_along_axis(ends, order, axis=1) for ends in (nodes[across], span[across, 1:])]
    span[across, 0] = (hash_rows(*np.column_stack(ends).T) >> np.uint64(1)).astype(np.int64)
    span[across, 1:] = 0
    return span


def _lengths(table: pa.Table, rows: Integers) -> Integers:
    """UTF-16 code units of texts; 0 for null."""
    texts = table["text"].take(pa.array(rows))
    length = pc.add(pc.utf8_length(texts), pc.count_substring_regex(texts, _ASTRAL))
    return np.asarray(length.fill_null(0).to_numpy(), dtype=np.int64)


def _nodes(table: pa.Table, rows: Integers, owner: Integers) -> Integers:
    """(n, 2): the nodes that entities begin and end in.

    An entity that names no node is in the only node that the entities of the other label name or, if these name none,
    in the only one that its own label names. Labels count whole, not job by job: nodes belong to the document, and in a
    document of several nodes a missing one is unknown, also in a job that names just one of them.
    """
    extra = table["extra"].take(pa.array(rows)).combine_chunks().fill_null("{}").dictionary_encode()
    known = [_named(text) for text in extra.dictionary.to_pylist()]
    nodes = np.array(known, dtype=np.int64).reshape(-1, 2)[extra.indices.to_numpy()]
    is_named = nodes[:, 0] >= 0
    least, greatest = (np.full(int(owner.max(initial=0)) + 2, start) for start in (np.iinfo(np.int64).max, -1))
    np.minimum.at(least, owner[is_named], nodes[is_named].min(axis=1))
    np.maximum.at(greatest, owner[is_named], nodes[is_named].max(axis=1))
    only = np.where(least == greatest, greatest, -1)
    other = owner ^ 1
    found = np.where(greatest[other] >= 0, only[other], only[owner])
    return np.where(is_named[:, None], nodes, found[:, None])


def _named(extra: str) -> tuple[int, int]:
    """The nodes of an entity's begin and end, as keys. A missing node is the other one; -1 without both."""
    said = orjson.loads(extra)
    begin, end = (features_extra.text(said.get(name)) for name in ("beginId", "endId"))
    return _key(begin or end), _key(end or begin)


def _key(node: object) -> int:
    return key(canonical_json.dumps(node)) if node else -1


def iou(left: Integers, right: Integers) -> Floats:
    """Characters in both over characters in either, row by row.

    Both are (n, 3): node of the document, first character, character after the last. Spans in different nodes
    share nothing; equal ones have 1, also where they are empty. Kili is said to use a Levenshtein distance, whose
    formula is not published: this is our choice (format page, 3.3).
    """
    shared = np.clip(np.minimum(left[:, 2], right[:, 2]) - np.maximum(left[:, 1], right[:, 1]), 0, None)
    shared = np.where(left[:, 0] == right[:, 0], shared, 0)
    union = (left[:, 2] - left[:, 1]) + (right[:, 2] - right[:, 1]) - shared
    return overlap(shared.astype(float), union.astype(float), (left == right).all(axis=1))


def intersects(left: Integers, right: Integers) -> Flags:
    """Whether spans, row by row, are in one node and overlap or meet."""
    return (left[:, 0] == right[:, 0]) & (left[:, 1] <= right[:, 2]) & (right[:, 1] <= left[:, 2])
