"""The annotations of a batch of label pairs as columns of numbers, both labels of every pair in one table."""

import typing
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.comparison.arrays import Flags, Hashes, Integers, hash_rows, hash_texts, integers
from pipelines.comparison.features import extra, nesting
from pipelines.comparison.measures import page_shapes, spans
from pipelines.comparison.measures.page_shapes import PageShapes
from pipelines.kili import records as kili

LEFT, RIGHT = 0, 1
KINDS: Final[tuple[str, ...]] = typing.get_args(kili.Annotations.model_fields["kind"].annotation)
CLASSIFICATION, OBJECT, ENTITY, RELATION, TRANSCRIPTION, POSE, COMPARISON, RANKING, FILE, UNKNOWN = range(len(KINDS))
NONE, SPAN, AREA, LINE = range(4)
"""The extent of an annotation: none, a span of text, an area, or lines and points, which have no area."""

COLUMNS: Final = (
    "annotation_key",
    "parent_annotation_key",
    "job_name",
    "kind",
    "tool",
    "mid",
    "category",
    "text",
    "begin_offset",
    "end_offset",
    "frame",
    "is_key_frame",
    "page_number",
    "x_min",
    "y_min",
    "x_max",
    "y_max",
    "geometry",
    "start_mids",
    "end_mids",
    "extra",
)
"""The columns of `kili.annotations` that the comparison reads."""

_LINE_TOOLS: Final = pa.array(["marker", "polyline", "vector", "pose"])


@dataclass(frozen=True, eq=False)
class AnnotationTable:
    """One row for each annotation in each pair that contains its label.

    `table` has `COLUMNS` of `kili.annotations`, and `pair` (a number) and `side` (0 left, 1 right). `kind` is a
    position in `KINDS`. `job`, `category` and `text` are hashes, equal in every batch for equal texts. Null is -1.
    """

    table: pa.Table
    pair: Integers
    side: Integers
    parent: Integers
    """Row of the annotation in which it is nested; -1 at the top."""
    job: Integers
    kind: Integers
    category: Integers
    text: Integers
    frame: Integers
    extra_hash: Integers
    """Hash of the answer that only column `extra` has, such as the id of a file or a ranking."""
    span: Integers
    """(n, 3): node, first character, character after the last; -1 for annotations without a span of text."""
    page_shapes: PageShapes
    extent: Integers
    """NONE, SPAN, AREA or LINE."""

    def __len__(self) -> int:
        return len(self.pair)

    @cached_property
    def sorted_rows(self) -> Integers:
        """All rows, sorted by pair, side and key, so that the order of rows in the table has no effect on results."""
        sort_keys = [(name, "ascending") for name in ("pair", "side", "annotation_key")]
        return np.asarray(pc.sort_indices(self.table, sort_keys).to_numpy(), dtype=np.int64)

    @cached_property
    def depth(self) -> Integers:
        """The level of nesting; 0 at the top."""
        depth = np.zeros(len(self), dtype=np.int64)
        while True:
            deeper = np.where(self.parent >= 0, depth[self.parent] + 1, 0)
            if (deeper == depth).all():
                return depth
            depth = deeper

    @cached_property
    def is_relational(self) -> Flags:
        """Whether each row is a relation or nested in one."""
        relational = self.kind == RELATION
        for depth in range(1, int(self.depth.max(initial=0)) + 1):
            rows = np.flatnonzero(self.depth == depth)
            relational[rows] |= relational[self.parent[rows]]
        return relational

    @cached_property
    def own_hash(self) -> Hashes:
        """A hash of each annotation without what is nested in it: category, text, span, pages, shapes and extra answer.

        The ends of a relation are not part of it, since they depend on the alignment of the annotations there.
        """
        page = self.page_shapes.page[: len(self)]
        columns = self.category, self.text, *self.span.T, page, self.page_shapes.full_hash, self.extra_hash
        return hash_rows(*columns)

    @cached_property
    def nested_hash(self) -> Hashes:
        """A hash of all that is nested in each annotation, whatever its order; 0 for nothing."""
        nested = np.zeros(len(self), dtype=np.uint64)
        for depth in range(int(self.depth.max(initial=0)), 0, -1):
            rows = np.flatnonzero(self.depth == depth)
            columns = self.own_hash, self.job, self.kind, self.frame, nested
            np.add.at(nested, self.parent[rows], hash_rows(*(column[rows] for column in columns)))
        return nested

    @cached_property
    def full_hash(self) -> Hashes:
        """A hash of each annotation with all that is nested in it."""
        return hash_rows(self.own_hash, self.nested_hash)

    @cached_property
    def root(self) -> Integers:
        """The row at the top in which each is nested; its own row at the top."""
        root = np.arange(len(self))
        for depth in range(1, int(self.depth.max(initial=0)) + 1):
            nested = np.flatnonzero(self.depth == depth)
            root[nested] = root[self.parent[nested]]
        return root

    @cached_property
    def is_pose(self) -> Flags:
        """Whether each row is a whole pose, not one of its points."""
        return np.asarray(pc.equal(self.table["tool"], "pose").fill_null(False).to_numpy(), dtype=bool)

    @cached_property
    def is_key_frame(self) -> Flags:
        """Whether it was drawn by hand on its frame; true where the export does not have this information."""
        return np.asarray(self.table["is_key_frame"].fill_null(True).to_numpy(), dtype=bool)

    def texts(self, rows: Integers) -> list[str]:
        """The texts of some rows; empty for null."""
        return [text or "" for text in self.table["text"].take(pa.array(rows)).to_pylist()]


def read(table: pa.Table) -> AnnotationTable:
    """Reads a batch of annotations, with the columns that `AnnotationTable.table` names."""
    pair, side = integers(table, "pair"), integers(table, "side")
    label_number = pair * 2 + side
    kind = _positions(table["kind"], KINDS)
    job = hash_texts(table["job_name"])
    frame = integers(table, "frame")
    shapes = page_shapes.read(table)
    span = spans.read(table, kind == ENTITY, label_number)
    is_line = np.asarray(pc.is_in(table["tool"], value_set=_LINE_TOOLS).to_numpy(zero_copy_only=False), dtype=bool)
    extent = np.select(
        [span[:, 1] >= 0, shapes.full_hash < 0, is_line | (kind == POSE)], [SPAN, NONE, LINE], np.full(len(pair), AREA)
    )
    return AnnotationTable(
        table=table,
        pair=pair,
        side=side,
        parent=nesting.parents(table, label_number, hash_rows(label_number, job, frame)),
        job=job,
        kind=kind,
        category=hash_texts(table["category"]),
        text=hash_texts(table["text"]),
        frame=frame,
        extra_hash=extra.hashes(table),
        span=span,
        page_shapes=shapes,
        extent=extent,
    )


def _positions(column: pa.ChunkedArray, values: tuple[str, ...]) -> Integers:
    return np.asarray(pc.index_in(column, value_set=pa.array(values)).to_numpy(), dtype=np.int64)
