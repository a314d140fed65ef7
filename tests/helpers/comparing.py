"""Compares two answers as the pipeline does: through the loader's own flattening."""

from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.comparison import compare
from pipelines.comparison.method import Method
from pipelines.kili import records
from pipelines.kili.annotations import answer_levels, answers

Answer = dict[str, Any]


def annotations(*pairs: tuple[Answer, Answer]) -> pa.Table:
    """The annotations of pairs of answers, as the comparison reads them."""
    rows = [
        {"pair": number, "side": side, **row}
        for number, pair in enumerate(pairs)
        for side, answer in enumerate(pair)
        for row in answers.rows("asset", f"label-{number}-{side}", "hash", answer)
    ]
    schema = pa.schema([("pair", pa.int64()), ("side", pa.int64()), *records.ANNOTATIONS.arrow_schema])
    return pa.Table.from_pylist(rows, schema)


def named_jobs(*pairs: tuple[Answer, Answer]) -> pa.Table:
    """The jobs of pairs of answers."""
    said = [(number, side) for number, pair in enumerate(pairs) for side in pair]
    named = [(number, job) for number, answer in said for job in answer_levels.job_names(answer)]
    return pa.table(
        {
            "pair": pa.array([pair for pair, _ in named], pa.int64()),
            "job_name": pa.array([job for _, job in named], pa.string()),
        }
    )


def compared(*pairs: tuple[Answer, Answer], method: Method | None = None) -> compare.Comparison:
    """Pairs of answers compared, the annotator's first."""
    keys = pa.array([str(number) for number in range(len(pairs))], pa.string())
    return compare.compare(annotations(*pairs), named_jobs(*pairs), keys, method or Method())


def score(left: Answer, right: Answer, **method: Any) -> float | None:
    """The score of one pair; None if nothing is scored."""
    value = compared((left, right), method=Method(**method)).scores[0]
    return None if np.isnan(value) else float(value)


def edits(left: Answer, right: Answer) -> list[tuple[Any, ...]]:
    """The edit of each annotation with job, categories and overlap, sorted."""
    table = compared((left, right)).edits
    rows = table.select(["edit", "job_name", "left_category", "right_category", "iou"]).to_pylist()
    return sorted((tuple(row.values()) for row in rows), key=repr)


def box(x0: float, y0: float, x1: float, y1: float, category: str = "CAR", **more: Any) -> Answer:
    """A rectangle as Kili writes it."""
    corners = [(x0, y1), (x0, y0), (x1, y0), (x1, y1)]
    return drawn("rectangle", corners, category, **more)


def drawn(
    tool: str,
    outline: list[tuple[float, float]],
    category: str = "CAR",
    hole: list[tuple[float, float]] | None = None,
    **more: Any,
) -> Answer:
    """A rectangle, polygon or region of one outline, and a hole in it."""
    rings = [{"normalizedVertices": [{"x": x, "y": y} for x, y in ring]} for ring in (outline, hole) if ring]
    said = {"type": tool, "categories": [{"name": category}], "boundingPoly": rings}
    return {"mid": f"{tool}-{outline}", **said, **more}


def objects(*annotations: Answer, job: str = "BOX") -> Answer:
    return {job: {"annotations": list(annotations)}}


def chosen(*categories: str, job: str = "KIND") -> Answer:
    return {job: {"categories": [{"name": category} for category in categories]}}
