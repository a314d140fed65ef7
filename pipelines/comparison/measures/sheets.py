"""What annotations cover, page by page.

A sheet is an annotation on one page, or a whole annotation that is on no page. Few annotations have several sheets:
their first page is in the columns, the others are in `extra`.
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
from pipelines.comparison.arrays import Flags, Floats, Integers, Shapes, hash_rows, keys, numbers
from pipelines.comparison.measures import shapes

_BOUNDS: Final = ("x_min", "y_min", "x_max", "y_max")


@dataclass(frozen=True, eq=False)
class Sheets:
    """The sheets of a batch. The first ones have the numbers of their annotations' rows; further pages follow.

    The annotation, the page, a key of the shape (-1 for null each), and (n, 4) bounds, which are not a number without a
    shape.
    """

    row: Integers
    page: Integers
    shape: Integers
    bounds: Floats
    wkt: pa.Array

    @cached_property
    def count(self) -> Integers:
        """The number of sheets of each annotation."""
        return np.bincount(self.row)

    @cached_property
    def is_several(self) -> Flags:
        """Which annotations are on several pages."""
        return self.count > 1

    @cached_property
    def whole(self) -> Integers:
        """A key for the shapes of each annotation on all its pages; -1 without any shape."""
        found = self.shape[: len(self.count)].copy()
        several = np.flatnonzero(self.is_several[self.row])
        below = np.zeros(len(found), dtype=np.uint64)
        np.add.at(below, self.row[several], hash_rows(self.page[several], self.shape[several]))
        np.maximum.at(found, self.row[several], self.shape[several])
        several = np.flatnonzero(self.is_several & (found >= 0))
        found[several] = (below[several] >> np.uint64(1)).astype(np.int64)
        return found

    def of_rows(self, rows: Integers) -> tuple[Integers, Integers]:
        """The sheets of some annotations, each after its position in `rows`."""
        first = len(self.count)
        further = list(assignment.candidates(rows, self.row[first:])) if len(self.row) > first else []
        at = np.concatenate([np.arange(len(rows)), *(position for position, _ in further)])
        return at, np.concatenate([rows, *(first + sheet for _, sheet in further)])

    def facing(self, left: Integers, right: Integers) -> tuple[Integers, Integers, Integers]:
        """The sheets of pairs of annotations that are on the same page: position of the pair, left and right sheet."""
        (at_left, lefts), (at_right, rights) = self.of_rows(left), self.of_rows(right)
        on_left, on_right = hash_rows(at_left, self.page[lefts]), hash_rows(at_right, self.page[rights])
        in_left, in_right = assignment.equal(on_left, on_right)
        return at_left[in_left], lefts[in_left], rights[in_right]

    def shapes(self, sheets: Integers) -> Shapes:
        """The geometry of some sheets, each read once; empty for null."""
        unread = np.unique(sheets[shapely.is_missing(self._shapes[sheets])])
        self._shapes[unread] = shapes.read(self.wkt.take(pa.array(unread)).to_numpy(zero_copy_only=False))
        return self._shapes[sheets]

    @cached_property
    def _shapes(self) -> Shapes:
        return np.full(len(self.row), None, dtype=object)


def read(table: pa.Table) -> Sheets:
    """Reads the sheets of a batch."""
    bounds = np.stack([table[name].fill_null(np.nan).to_numpy() for name in _BOUNDS], axis=1)
    page = numbers(table, "page_number")
    row, further, wkt = _further(table, page)
    geometry = table["geometry"].combine_chunks()
    geometry = pa.concat_arrays([geometry, wkt]) if len(wkt) else geometry
    return Sheets(
        row=np.concatenate([np.arange(len(table)), row]),
        page=np.concatenate([page, further]),
        shape=keys(pa.chunked_array([geometry])),
        bounds=np.concatenate([bounds, shapely.bounds(shapes.read(wkt.to_numpy(zero_copy_only=False)))]),
        wkt=geometry,
    )


def _further(table: pa.Table, page: Integers) -> tuple[Integers, Integers, pa.Array]:
    """The rows, numbers and shapes of the pages after the first."""
    paged = np.flatnonzero(page >= 0)
    extra = table["extra"].take(pa.array(paged))
    several = np.flatnonzero(pc.match_substring(extra, '"pages":').fill_null(False).to_numpy())
    said = [orjson.loads(text).get("pages", ()) for text in extra.take(pa.array(several)).to_pylist()]
    row = np.repeat(paged[several], [len(pages) for pages in said])
    pages = [page for pages in said for page in pages]
    number = np.array([page["page_number"] for page in pages], dtype=np.int64)
    return row, number, pa.array([page["geometry"] for page in pages], pa.string())
