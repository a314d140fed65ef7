"""The comparison of annotations on pages of a document: page by page."""

from typing import Any

import pyarrow as pa
import pytest
import shapely
from helpers.comparing import annotations, box, named_jobs, objects

from pipelines.comparison import compare
from pipelines.comparison.method import Method
from pipelines.kili import canonical_json

Box = tuple[float, float, float, float]
Pages = dict[int, Box | None]
"""The boxes of one annotation by page; null for a page without a shape."""

FOOTER = (0.1, 0.9, 0.4, 0.95)
LEFT_HALF = (0.1, 0.9, 0.25, 0.95)
NEARLY = (0.1, 0.9, 0.4, 0.95 + 4e-10)
ELSEWHERE = (0.5, 0.1, 0.6, 0.2)


def compared(left: list[Pages], right: list[Pages]) -> compare.Comparison:
    """One pair of labels; each annotation has its first page in the columns and the others in `extra`."""
    pair = tuple(objects(*(box(*(drawn[min(drawn)] or FOOTER)) for drawn in side)) for side in (left, right))
    table = annotations((pair[0], pair[1])).to_pylist()
    for row, pages in zip(table, left + right, strict=True):
        first, *others = sorted(pages)
        row["page_number"] = first
        if pages[first] is None:
            row |= dict.fromkeys(("geometry", "x_min", "y_min", "x_max", "y_max"))
        if others:
            row["extra"] = canonical_json.text(
                {"pages": [{"page_number": n, "geometry": wkt(pages[n])} for n in others]}
            )
    rows = pa.Table.from_pylist(table, annotations().schema)
    return compare.compare(rows, named_jobs((pair[0], pair[1])), pa.array(["pair"]), Method())


def wkt(corners: Box | None) -> str | None:
    return None if corners is None else str(shapely.box(*corners).wkt)


@pytest.mark.parametrize(
    ("left", "right", "edits", "score"),
    [
        pytest.param([{2: FOOTER}], [{2: FOOTER}], [("kept", 1)], 1, id="one page"),
        pytest.param([{2: FOOTER}], [{3: FOOTER}], [("added", None), ("removed", None)], 0, id="another page"),
        pytest.param([{1: FOOTER, 2: FOOTER}], [{2: FOOTER, 1: NEARLY}], [("kept", 1)], 1, id="two pages"),
        pytest.param([{1: FOOTER, 2: FOOTER}], [{1: FOOTER, 2: NEARLY}], [("kept", 1)], 1, id="second page nearly"),
        pytest.param([{1: FOOTER, 2: FOOTER}], [{1: FOOTER}], [("moved", 1 / 2)], 1 / 2, id="one page taken away"),
        pytest.param([{1: FOOTER, 2: FOOTER}], [{2: FOOTER}], [("moved", 1 / 2)], 1 / 2, id="first page taken away"),
        pytest.param(
            [{1: FOOTER, 2: FOOTER}], [{1: FOOTER, 3: FOOTER}], [("moved", 1 / 3)], 1 / 3, id="another second page"
        ),
        pytest.param(
            [{1: FOOTER, 2: FOOTER}], [{1: FOOTER, 2: LEFT_HALF}], [("moved", 3 / 4)], 3 / 4, id="second page moved"
        ),
        pytest.param(
            [{1: FOOTER, 2: FOOTER}],
            [{1: FOOTER}, {2: FOOTER}],
            [("added", None), ("moved", 1 / 2)],
            1 / 4,
            id="taken apart",
        ),
        pytest.param(
            [{1: FOOTER, 2: FOOTER, 3: FOOTER}, {2: ELSEWHERE}],
            [{2: ELSEWHERE}, {1: FOOTER, 2: FOOTER, 3: FOOTER}],
            [("kept", 1), ("kept", 1)],
            1,
            id="beside an annotation on one page",
        ),
        pytest.param([{1: FOOTER, 2: None}], [{1: FOOTER, 2: None}], [("kept", 1)], 1, id="a page without shape"),
        pytest.param([{1: NEARLY, 2: None}], [{1: FOOTER, 2: None}], [("kept", 1)], 1, id="nearly, and none"),
        pytest.param([{1: FOOTER, 2: None}], [{1: FOOTER}], [("moved", 1)], 1, id="a page without shape less"),
        pytest.param(
            [{1: None, 2: FOOTER}], [{1: None, 2: LEFT_HALF}], [("moved", 1 / 2)], 1 / 2, id="first page without shape"
        ),
        pytest.param([{1: None}], [{2: None}], [("added", None), ("removed", None)], None, id="no shape at all"),
    ],
)
def test_pages_are_compared_one_by_one(
    left: list[Pages], right: list[Pages], edits: list[tuple[str, Any]], score: float | None
) -> None:
    for sides, names in (((left, right), {}), ((right, left), {"added": "removed", "removed": "added"})):
        found = compared(*sides)
        rows = [(names.get(row["edit"], row["edit"]), row["iou"]) for row in found.edits.to_pylist()]
        assert sorted(rows, key=repr) == [(edit, iou and pytest.approx(iou)) for edit, iou in edits]
        assert found.scores.tolist() == pytest.approx([float("nan") if score is None else score], nan_ok=True)


def test_a_thousand_pages_are_compared_page_by_page() -> None:
    """Every page has a footer, and one annotation is on all pages."""
    everywhere: Pages = dict.fromkeys(range(1000), ELSEWHERE)
    left: list[Pages] = [{page: FOOTER} for page in range(1000)]
    right: list[Pages] = [{page: FOOTER if page % 2 else LEFT_HALF} for page in range(1000)]
    found = compared([*left, everywhere], [everywhere, *right])
    counted = found.edits.group_by("edit").aggregate([([], "count_all")]).to_pylist()
    assert {row["edit"]: row["count_all"] for row in counted} == {"kept": 501, "moved": 500}
    assert found.scores.tolist() == pytest.approx([(501 + 500 / 2) / 1001])
