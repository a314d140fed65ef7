"""Text spans by their character offsets.

Offsets count UTF-16 code units, as in browsers, from the start of a node of the document.
"""

from typing import Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.comparison.arrays import (
    Flags,
    Floats,
    Integers,
    hash_bytes,
    hash_rows,
    integers,
    intersection_over_union,
)
from pipelines.comparison.features import extra as features_extra
from pipelines.kili import canonical_json

_ASTRAL: Final = r"[\x{10000}-\x{10FFFF}]"
"""The characters that take two UTF-16 code units."""


def read(table: pa.Table, is_entity: Flags, label_number: Integers) -> Integers:
    """(n, 3): hash of the node, first character, character after the last; -1 for rows without a begin offset.

    `label_number` is an even number for the left label of a pair and the next number for the right label. A missing end
    is computed from the text. Reversed offsets are swapped. The offsets of a span from one node to another count from
    different places, so such a span counts as a node of its own: two of them overlap completely or not at all.
    """
    span = np.stack([np.full(len(table), -1), integers(table, "begin_offset"), integers(table, "end_offset")], axis=1)
    rows = np.flatnonzero(span[:, 1] >= 0)
    span[rows, 2] = np.where(span[rows, 2] < 0, span[rows, 1] + _lengths(table, rows), span[rows, 2])
    nodes = np.full((len(table), 2), -1)
    entities = rows[is_entity[rows]]
    nodes[entities] = _nodes(table, entities, label_number[entities])
    is_across_nodes = nodes[rows, 0] != nodes[rows, 1]
    across, within = rows[is_across_nodes], rows[~is_across_nodes]
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


def _nodes(table: pa.Table, rows: Integers, label_number: Integers) -> Integers:
    """(n, 2): hashes of the nodes in which entities begin and end.

    An entity that names no node is in the only node that the entities of the other label name. If these name none, it
    is in the only node that its own label names. All jobs of a label count together: nodes belong to the document, and
    in a document with several nodes a missing node is unknown, even in a job that names just one of them.
    """
    extra = table["extra"].take(pa.array(rows)).combine_chunks().fill_null("{}").dictionary_encode()
    distinct = [_named_nodes(text) for text in extra.dictionary.to_pylist()]
    nodes = np.array(distinct, dtype=np.int64).reshape(-1, 2)[extra.indices.to_numpy()]
    is_named = nodes[:, 0] >= 0
    least, greatest = (np.full(int(label_number.max(initial=0)) + 2, start) for start in (np.iinfo(np.int64).max, -1))
    np.minimum.at(least, label_number[is_named], nodes[is_named].min(axis=1))
    np.maximum.at(greatest, label_number[is_named], nodes[is_named].max(axis=1))
    only_node = np.where(least == greatest, greatest, -1)
    other_label = label_number ^ 1
    inferred = np.where(greatest[other_label] >= 0, only_node[other_label], only_node[label_number])
    return np.where(is_named[:, None], nodes, inferred[:, None])


def _named_nodes(extra: str) -> tuple[int, int]:
    """Hashes of the nodes in which an entity begins and ends: a missing node equals the other; -1 if both miss."""
    values = orjson.loads(extra)
    begin, end = (features_extra.number_as_text(values.get(name)) for name in ("beginId", "endId"))
    return _node_hash(begin or end), _node_hash(end or begin)


def _node_hash(node: object) -> int:
    return hash_bytes(canonical_json.dumps(node)) if node else -1


def iou(left: Integers, right: Integers) -> Floats:
    """Intersection over union of spans in characters, row by row.

    Both are (n, 3): node of the document, first character, character after the last. Spans in different nodes have 0.
    Equal spans have 1, even if empty. Kili is reported to compare entities by a Levenshtein distance whose formula is
    not published, so this measure is our choice (format page, 3.3).
    """
    shared = np.clip(np.minimum(left[:, 2], right[:, 2]) - np.maximum(left[:, 1], right[:, 1]), 0, None)
    shared = np.where(left[:, 0] == right[:, 0], shared, 0)
    union = (left[:, 2] - left[:, 1]) + (right[:, 2] - right[:, 1]) - shared
    return intersection_over_union(shared.astype(float), union.astype(float), (left == right).all(axis=1))


def intersects(left: Integers, right: Integers) -> Flags:
    """Whether spans, row by row, are in the same node and overlap or touch."""
    return (left[:, 0] == right[:, 0]) & (left[:, 1] <= right[:, 2]) & (right[:, 1] <= left[:, 2])
