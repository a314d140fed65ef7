"""Draws docs/review_example.svg: one asset before and after review, from a warehouse that holds the sample exports.

python docs/review_example.py WAREHOUSE > docs/review_example.svg
"""

import html
import sys
from typing import Final

import duckdb

SIZE: Final = 300
COLOURS: Final = {
    "kept": "#5b7083",
    "moved": "#c77700",
    "relabelled": "#7b3fb5",
    "removed": "#b3261e",
    "added": "#1b7f3b",
}
QUERY: Final = """
    select edit, score, d.category, d.x_min, d.y_min, d.x_max, d.y_max, r.category, r.x_min, r.y_min, r.x_max, r.y_max
    from marts.review_edits as edits
    join marts.review_vs_default using (asset_id, review_label_key, default_label_key)
    left join marts.annotations as d on d.annotation_key = default_annotation_key
    left join marts.annotations as r on r.annotation_key = review_annotation_key
    where external_id = 'street.jpg' and edits.kind = 'object'
    order by edit, d.category, r.category"""


def panel(title: str, left: int, boxes: list[tuple[str, tuple[str, float, float, float, float]]]) -> str:
    """One label: its boxes, coloured by what became of them."""
    drawn = [f'<text x="{left}" y="22" font-weight="600">{html.escape(title)}</text>']
    drawn.append(f'<rect x="{left}" y="34" width="{SIZE}" height="{SIZE}" fill="#f3f6f9" stroke="#d7dee6"/>')
    for edit, (category, x0, y0, x1, y1) in boxes:
        x, y, width, height = left + x0 * SIZE, 34 + y0 * SIZE, (x1 - x0) * SIZE, (y1 - y0) * SIZE
        colour = COLOURS[edit]
        place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
        drawn.append(f'<rect {place} fill="{colour}" fill-opacity=".12" stroke="{colour}" stroke-width="2"/>')
        drawn.append(f'<text x="{x:.1f}" y="{y - 4:.1f}" fill="{colour}" font-size="12">{html.escape(category)}</text>')
    return "\n".join(drawn)


def main(warehouse: str) -> None:
    """Prints the picture."""
    with duckdb.connect(f"{warehouse}/warehouse.duckdb", read_only=True) as db:
        rows = db.execute(QUERY).fetchall()
    before = [(row[0], row[2:7]) for row in rows if row[2] is not None]
    after = [(row[0], row[7:12]) for row in rows if row[7] is not None]
    key = "".join(f'<tspan fill="{colour}" dx="14">■ {edit}</tspan>' for edit, colour in COLOURS.items())
    print(f"""<svg xmlns="http://www.w3.org/2000/svg" width="{2 * SIZE + 30}" height="372"
  font-family="sans-serif" font-size="14">
<rect width="100%" height="100%" fill="#fff"/>
{panel("annotator (DEFAULT)", 5, before)}
{panel(f"reviewer (REVIEW): score {rows[0][1]:.3f}", SIZE + 25, after)}
<text y="360" font-size="13">{key}</text>
</svg>""")


main(*sys.argv[1:])
