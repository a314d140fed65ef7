"""Draws the annotations of the worst assets: what an annotator made, and what became of it in the latest review."""

import re
from collections.abc import Iterator
from typing import Any, Final

import duckdb

from pipelines.loading import database
from pipelines.loading.database import Row

ASSETS: Final = 50
_PANELS: Final = 6  # of an asset: pairs of the latest review, or labels where there are none
_SHAPES: Final = 150  # of a panel
_TEXTS: Final = 30
_POINTS: Final = 120  # of an outline; longer ones are drawn with every second, third, … point
_WIDTH: Final = 1000
_HEIGHT: Final = 750  # where the export names no resolution
_COORDINATES: Final = re.compile(r"\(([^()]+)\)")

_PANEL_ROWS: Final = f"""
    create temp table panels as
    with worst as (
        select asset_id from ranked order by look_again_rank, priority desc, project_id, asset_id limit {ASSETS}
    ),
    pairs as (
        select asset_id, annotator_id, reviewer_id, default_label_key as left_key, review_label_key as right_key
        from marts.review_vs_default where is_latest_review and asset_id in (from worst)
    ),
    labels as (
        select asset_id, case when label_type = 'DEFAULT' then author_id end as annotator_id,
            case when label_type = 'REVIEW' then author_id end as reviewer_id, label_key as left_key,
            null::varchar as right_key
        from marts.latest_label_per_user_and_type
        where asset_id in (select asset_id from worst except select asset_id from pairs)
            and label_type in ('DEFAULT', 'REVIEW') and not coalesce(skipped, false)
    )
    select *, row_number() over (partition by asset_id order by reviewer_id is null, annotator_id, left_key) as panel
    from (from pairs union all from labels)
    qualify panel <= {_PANELS}"""

_ANNOTATION_ROWS: Final = """
    create temp table drawn as
    with annotations as (
        select annotation_key, label_key, parent_annotation_key is not null as is_nested, job_name, kind, category,
            text, begin_offset, end_offset, frame, page_number, geometry
        from marts.annotations where asset_id in (select asset_id from panels)
    ),
    edits as (
        select asset_id, panel, edit, default_annotation_key as left_annotation_key,
            review_annotation_key as right_annotation_key
        from panels join marts.review_edits using (asset_id)
        where default_label_key = left_key and review_label_key = right_key
        union all
        select asset_id, panel, 'unreviewed', annotation_key, null
        from panels join annotations on label_key = left_key where right_key is null
    )
    select asset_id, panel, edit, coalesce(l.job_name, r.job_name) as job, coalesce(l.kind, r.kind) as kind,
        coalesce(l.is_nested, r.is_nested) as is_nested, l.category as left_category, r.category as right_category,
        l.text as left_text, r.text as right_text, l.begin_offset as left_begin, r.begin_offset as right_begin,
        l.end_offset as left_end, r.end_offset as right_end, l.geometry as left_geometry, r.geometry as right_geometry,
        coalesce(l.frame, r.frame) as frame, coalesce(l.page_number, r.page_number) as page
    from edits
    left join annotations as l on l.annotation_key = left_annotation_key
    left join annotations as r on r.annotation_key = right_annotation_key"""

_SHOWN: Final = f"""
    with places as (
        select asset_id, panel, frame, page,
            count(*) filter (where edit != 'kept') as changed_count, count(*) as shape_count
        from drawn where left_geometry is not null or right_geometry is not null group by all
    ),
    chosen as (
        select * from places qualify row_number() over (
            partition by asset_id, panel order by changed_count desc, shape_count desc, frame, page) = 1
    ),
    shown as (
        select drawn.* from drawn
        left join chosen using (asset_id, panel)
        where chosen.asset_id is null
            or (drawn.frame is not distinct from chosen.frame and drawn.page is not distinct from chosen.page)
            or (left_geometry is null and right_geometry is null and drawn.frame is null)
    )
    select * from shown
    qualify row_number() over (
        partition by asset_id, panel, left_geometry is null and right_geometry is null
        order by edit = 'kept', job, left_begin, left_category, right_category, left_geometry
    ) <= {_SHAPES}
    order by asset_id, panel, edit != 'kept', job, left_begin, left_category, right_category, left_geometry"""

_PANELS_SHOWN: Final = """
    select asset_id, panel, person_key(annotator_id) as annotator, person_key(reviewer_id) as reviewer,
        right_key is not null as is_reviewed, (extra ->> '$.resolution.width')::double as width,
        (extra ->> '$.resolution.height')::double as height
    from panels join marts.assets using (asset_id) order by asset_id, panel"""


def read(db: duckdb.DuckDBPyConnection) -> list[Row]:
    """The panels of the worst assets, with paths in a box of `width` 1,000. Reads the table `ranked`."""
    db.execute(_PANEL_ROWS)
    db.execute(_ANNOTATION_ROWS)
    panels = {(row["asset_id"], row["panel"]): row for row in database.rows(db, _PANELS_SHOWN)}
    annotations: dict[tuple[str, int], list[Row]] = {key: [] for key in panels}
    for row in database.rows(db, _SHOWN):
        annotations[row["asset_id"], row["panel"]].append(row)
    return [_panel(panel, annotations[key]) for key, panel in panels.items()]


def _panel(panel: Row, rows: list[Row]) -> Row:
    height = round(_WIDTH * panel["height"] / panel["width"]) if panel["width"] and panel["height"] else _HEIGHT
    drawn = [row for row in rows if row["left_geometry"] or row["right_geometry"]]
    box = _box(drawn)
    return {
        "asset": panel["asset_id"],
        "annotator": panel["annotator"],
        "reviewer": panel["reviewer"],
        "is_reviewed": panel["is_reviewed"],
        "height": height,
        "frame": next((row["frame"] for row in drawn), None),
        "page": next((row["page"] for row in drawn), None),
        "shapes": [shape for row in drawn for shape in _shapes(row, box, height)],
        "texts": [_text(row) for row in rows if _is_text(row)][:_TEXTS],
    }


def _is_text(row: Row) -> bool:
    """Whether the annotation is shown as text. Unchanged classifications would hide the changes."""
    if row["kind"] == "entity":
        return True
    is_shape = row["left_geometry"] or row["right_geometry"]
    return not (is_shape or row["edit"] == "kept" or (row["edit"] == "unreviewed" and row["is_nested"]))


def _text(row: Row) -> Row:
    names = ("edit", "job", "left_category", "right_category", "left_text", "right_text", "left_begin", "left_end")
    return {name: row[name] for name in (*names, "right_begin", "right_end")}


def _shapes(row: Row, box: tuple[float, float, float, float], height: int) -> Iterator[Row]:
    """The annotator's shape, and the reviewer's where it is another."""
    for side in ("left", "right"):
        geometry = row[f"{side}_geometry"] or ""
        if _COORDINATES.search(geometry) and (side == "left" or row["edit"] not in ("kept", "relabelled")):
            category = row[f"{side}_category"]
            if row["edit"] == "relabelled":
                category = f"{category} → {row['right_category']}"
            path = _path(geometry, box, height)
            yield {"edit": row["edit"], "side": side, "job": row["job"], "category": category, **path}


def _box(rows: list[Row]) -> tuple[float, float, float, float]:
    """Left, top, width and height of what is drawn: the whole picture, unless shapes lie outside (maps)."""
    points = [point for row in rows for side in ("left", "right") for point in _points(row[f"{side}_geometry"] or "")]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    if not points or (min(*xs, *ys, 0) >= -0.1 and max(*xs, *ys, 0) <= 1.1):
        return 0, 0, 1, 1
    return min(xs), min(ys), (max(xs) - min(xs)) or 1, (max(ys) - min(ys)) or 1


def _points(geometry: str) -> Iterator[tuple[float, float]]:
    for ring in _COORDINATES.findall(geometry):
        for point in ring.split(","):
            x, y, *_ = point.split()
            yield float(x), float(y)


def _path(geometry: str, box: tuple[float, float, float, float], height: int) -> dict[str, Any]:
    """The path of a WKT geometry in SVG: closed outlines, open lines, or `points` to mark with circles."""
    left, top, wide, high = box

    def placed(point: str) -> str:
        x, y, *_ = point.split()
        return f"{(float(x) - left) / wide * _WIDTH:.0f} {(float(y) - top) / high * height:.0f}"

    rings = [ring.split(",") for ring in _COORDINATES.findall(geometry)]
    outlines = [[placed(point) for point in ring[:: len(ring) // _POINTS + 1]] for ring in rings]
    if "POINT" in geometry:
        return {"points": [point for outline in outlines for point in outline]}
    end = "Z" if "POLYGON" in geometry else ""
    return {"path": "".join(f"M{'L'.join(outline)}{end}" for outline in outlines)}
