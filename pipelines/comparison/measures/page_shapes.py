"""The shapes of annotations, page by page.

A page shape is the shape of one annotation on one page, or the whole shape of an annotation that has no page. Few
annotations have several page shapes: the first page is in columns, the others are in `extra`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from pipelines.comparison import assignment
from pipelines.comparison.arrays import Flags, Floats, Integers, Shapes, hash_rows, hash_texts, integers
from pipelines.comparison.measures import shapes

_BOUNDS: Final = ("x_min", "y_min", "x_max", "y_max")


@dataclass(frozen=True, eq=False)
class PageShapes:
    """The page shapes of a batch. Number i below the count of annotations is the first page shape of annotation i.

    The others follow. Columns: row of the annotation, page number (-1 for null), hash of the shape (-1 for null),
    bounds (n, 4; not a number without a shape) and WKT.
    """

    row: Integers
    page: Integers
    shape_hash: Integers
    bounds: Floats
    wkt: pa.Array

    @cached_property
    def page_count(self) -> Integers:
        """The number of page shapes of each annotation, at least 1."""
        return np.bincount(self.row)

    @cached_property
    def is_on_several_pages(self) -> Flags:
        """Whether each annotation is on several pages."""
        return self.page_count > 1

    @cached_property
    def full_hash(self) -> Integers:
        """A hash of the shapes of each annotation on all its pages; -1 for an annotation without a shape."""
        hashes = self.shape_hash[: len(self.page_count)].copy()
        several = np.flatnonzero(self.is_on_several_pages[self.row])
        page_sums = np.zeros(len(hashes), dtype=np.uint64)
        np.add.at(page_sums, self.row[several], hash_rows(self.page[several], self.shape_hash[several]))
        np.maximum.at(hashes, self.row[several], self.shape_hash[several])
        several = np.flatnonzero(self.is_on_several_pages & (hashes >= 0))
        hashes[several] = (page_sums[several] >> np.uint64(1)).astype(np.int64)
        return hashes

    def of_annotations(self, rows: Integers) -> tuple[Integers, Integers]:
        """The page shapes of some annotations: position in `rows`, number of the page shape."""
        first = len(self.page_count)
        others = list(assignment.candidate_pairs(rows, self.row[first:])) if len(self.row) > first else []
        positions = np.concatenate([np.arange(len(rows)), *(position for position, _ in others)])
        return positions, np.concatenate([rows, *(first + number for _, number in others)])

    def on_same_page(self, left: Integers, right: Integers) -> tuple[Integers, Integers, Integers]:
        """The page shapes of pairs of annotations that are on the same page: position of the pair, left, right."""
        (left_pair, lefts), (right_pair, rights) = self.of_annotations(left), self.of_annotations(right)
        left_hash, right_hash = hash_rows(left_pair, self.page[lefts]), hash_rows(right_pair, self.page[rights])
        in_left, in_right = assignment.match_equal(left_hash, right_hash)
        return left_pair[in_left], lefts[in_left], rights[in_right]

    def geometries(self, numbers: Integers) -> Shapes:
        """The geometries of some page shapes; empty for null. Each WKT is parsed once."""
        unread = np.unique(numbers[shapely.is_missing(self._geometries[numbers])])
        self._geometries[unread] = shapes.read(self.wkt.take(pa.array(unread)).to_numpy(zero_copy_only=False))
        return self._geometries[numbers]

    @cached_property
    def _geometries(self) -> Shapes:
        return np.full(len(self.row), None, dtype=object)


def read(table: pa.Table) -> PageShapes:
    """Reads the page shapes of a batch of annotations."""
    bounds = np.stack([table[name].fill_null(np.nan).to_numpy() for name in _BOUNDS], axis=1)
    page = integers(table, "page_number")
    other_rows, other_pages, other_wkt = _pages_after_first(table, page)
    wkt = table["geometry"].combine_chunks()
    wkt = pa.concat_arrays([wkt, other_wkt]) if len(other_wkt) else wkt
    return PageShapes(
        row=np.concatenate([np.arange(len(table)), other_rows]),
        page=np.concatenate([page, other_pages]),
        shape_hash=hash_texts(pa.chunked_array([wkt])),
        bounds=np.concatenate([bounds, shapely.bounds(shapes.read(other_wkt.to_numpy(zero_copy_only=False)))]),
        wkt=wkt,
    )


def _pages_after_first(table: pa.Table, page: Integers) -> tuple[Integers, Integers, pa.Array]:
    """The annotations' rows, page numbers and WKT of all pages after an annotation's first."""
    with_page = np.flatnonzero(page >= 0)
    extra = table["extra"].take(pa.array(with_page))
    several = np.flatnonzero(pc.match_substring(extra, '"pages":').fill_null(False).to_numpy())
    page_lists = [orjson.loads(text).get("pages", ()) for text in extra.take(pa.array(several)).to_pylist()]
    row = np.repeat(with_page[several], [len(pages) for pages in page_lists])
    pages = [page for pages in page_lists for page in pages]
    number = np.array([page["page_number"] for page in pages], dtype=np.int64)
    return row, number, pa.array([page["geometry"] for page in pages], pa.string())
