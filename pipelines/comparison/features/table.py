"""The annotations of a batch of label pairs as columns of numbers, both sides in one table."""

import typing
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.comparison.arrays import Flags, Integers, Keys, hash_rows, keys, numbers
from pipelines.comparison.features import extra, nesting
from pipelines.comparison.measures import sheets, spans
from pipelines.comparison.measures.sheets import Sheets
from pipelines.kili import records as kili

LEFT, RIGHT = 0, 1
KINDS: Final[tuple[str, ...]] = typing.get_args(kili.Annotations.model_fields["kind"].annotation)
CLASSIFICATION, OBJECT, ENTITY, RELATION, TRANSCRIPTION, POSE, COMPARISON, RANKING, FILE, UNKNOWN = range(len(KINDS))
NONE, SPAN, AREA, LINE = range(4)
"""What an annotation covers: nothing, characters, an area, or points without one."""

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
"""What of an annotation may count, and the key it is known by."""

_LINES: Final = pa.array(["marker", "polyline", "vector", "pose"])


@dataclass(frozen=True, eq=False)
class Items:
    """One row for each annotation in each pair of its label.

    `table` has `COLUMNS` of `kili.annotations`, and `pair` (a number) and `side` (0 left, 1 right). The keys below
    are equal where the texts are, in whatever batch; -1 for null.
    """

    table: pa.Table
    pair: Integers
    side: Integers
    parent: Integers
    """Row of the annotation it is nested in; -1 at the top."""
    job: Integers
    kind: Integers
    category: Integers
    text: Integers
    frame: Integers
    meaning: Integers
    """What its kind says beyond the columns: id of a file, order of a ranking."""
    span: Integers
    """(n, 3): node, first character, character after the last; -1 where it is no stretch of text."""
    sheets: Sheets
    cover: Integers

    def __len__(self) -> int:
        return len(self.pair)

    @cached_property
    def ordered(self) -> Integers:
        """All rows, sorted by pair, side and key. The order of rows in the table has no effect on results."""
        by = [(name, "ascending") for name in ("pair", "side", "annotation_key")]
        return np.asarray(pc.sort_indices(self.table, by).to_numpy(), dtype=np.int64)

    @cached_property
    def depth(self) -> Integers:
        """The depth of nesting; 0 at the top."""
        depth = np.zeros(len(self), dtype=np.int64)
        while True:
            deeper = np.where(self.parent >= 0, depth[self.parent] + 1, 0)
            if (deeper == depth).all():
                return depth
            depth = deeper

    @cached_property
    def is_relational(self) -> Flags:
        """Whether rows are relations or nested in one."""
        relational = self.kind == RELATION
        for depth in range(1, int(self.depth.max(initial=0)) + 1):
            rows = np.flatnonzero(self.depth == depth)
            relational[rows] |= relational[self.parent[rows]]
        return relational

    @cached_property
    def own(self) -> Keys:
        """A hash of category, text, span, pages, coordinates and meaning.

        The ends of a relation are left out: they depend on the alignment of other annotations.
        """
        page = self.sheets.page[: len(self)]
        return hash_rows(self.category, self.text, *self.span.T, page, self.sheets.whole, self.meaning)

    @cached_property
    def nested(self) -> Keys:
        """A hash of all nested annotations in any order; 0 without any."""
        below = np.zeros(len(self), dtype=np.uint64)
        for depth in range(int(self.depth.max(initial=0)), 0, -1):
            rows = np.flatnonzero(self.depth == depth)
            columns = self.own, self.job, self.kind, self.frame, below
            np.add.at(below, self.parent[rows], hash_rows(*(column[rows] for column in columns)))
        return below

    @cached_property
    def whole(self) -> Keys:
        """A hash of the annotation and all nested ones."""
        return hash_rows(self.own, self.nested)

    @cached_property
    def top(self) -> Integers:
        """The top-level row of each row."""
        top = np.arange(len(self))
        for depth in range(1, int(self.depth.max(initial=0)) + 1):
            nested = np.flatnonzero(self.depth == depth)
            top[nested] = top[self.parent[nested]]
        return top

    @cached_property
    def is_pose(self) -> Flags:
        """Whether rows are poses, not their points."""
        return np.asarray(pc.equal(self.table["tool"], "pose").fill_null(False).to_numpy(), dtype=bool)

    @cached_property
    def is_key_frame(self) -> Flags:
        """Whether rows were drawn by hand on their frame; true if the export has no flag."""
        return np.asarray(self.table["is_key_frame"].fill_null(True).to_numpy(), dtype=bool)

    def texts(self, rows: Integers) -> list[str]:
        """The text of some rows; empty for null."""
        return [text or "" for text in self.table["text"].take(pa.array(rows)).to_pylist()]


def read(table: pa.Table) -> Items:
    """Reads a batch. `Items` describes the columns of the table."""
    pair, side = numbers(table, "pair"), numbers(table, "side")
    owner = pair * 2 + side
    kind = _indices(table["kind"], KINDS)
    frame = numbers(table, "frame")
    pages = sheets.read(table)
    span = spans.read(table, kind == ENTITY, owner)
    is_line = np.asarray(pc.is_in(table["tool"], value_set=_LINES).to_numpy(zero_copy_only=False), dtype=bool)
    cover = np.select(
        [span[:, 1] >= 0, pages.whole < 0, is_line | (kind == POSE)], [SPAN, NONE, LINE], np.full(len(pair), AREA)
    )
    return Items(
        table=table,
        pair=pair,
        side=side,
        parent=nesting.parents(table, owner, hash_rows(owner, keys(table["job_name"]), frame)),
        job=keys(table["job_name"]),
        kind=kind,
        category=keys(table["category"]),
        text=keys(table["text"]),
        frame=frame,
        meaning=extra.read(table),
        span=span,
        sheets=pages,
        cover=cover,
    )


def _indices(column: pa.ChunkedArray, values: tuple[str, ...]) -> Integers:
    return np.asarray(pc.index_in(column, value_set=pa.array(values)).to_numpy(), dtype=np.int64)
