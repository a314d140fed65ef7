"""Writes the static page of a release: its exports, scores and edits of reviews, and a description of each column."""

from pathlib import Path
from typing import Final

import jinja2

from pipelines.loading import database

_TEMPLATES: Final = Path(__file__).parent / "templates"

_TABLES: Final = """
    select schema_name, table_name, comment, estimated_size
    from duckdb_tables() where schema_name in ('marts', 'comparison', 'kili') order by schema_name desc, table_name"""
_COLUMNS: Final = """
    select schema_name || '.' || table_name, column_name, lower(data_type), comment
    from duckdb_columns() where schema_name in ('marts', 'comparison', 'kili') order by column_index"""
_EXPORTS: Final = """
    select file_url, layout, as_of, asset_count, label_count, annotation_count,
        rejected_asset_count + rejected_label_count as rejected_count, is_rejected, loaded_at
    from kili.exports order by as_of desc nulls last, file_url"""
_EDITS: Final = ", ".join(
    f"coalesce(sum({edit}_count), 0)::bigint as {edit}_count"
    for edit in ("kept", "moved", "relabelled", "relabelled_and_moved", "text_changed", "removed", "added")
)
_ANNOTATORS: Final = f"""
    select regexp_replace(annotator_id, '@.*', '@…', 's') as name, count(*) as pair_count, avg(score) as score,
        count(*) filter (where is_unchanged) as unchanged_count, {_EDITS}
    from marts.review_vs_default where is_latest_review
    group by annotator_id order by score desc nulls last, annotator_id"""
_JOBS: Final = f"""
    select job_name as name, count(*) as pair_count, avg(score) as score,
        count(*) filter (where kept_count = greatest(default_annotation_count, review_annotation_count))
            as unchanged_count, {_EDITS}
    from marts.review_vs_default_jobs
    where (review_label_key, default_label_key) in (
        select review_label_key, default_label_key from marts.review_vs_default where is_latest_review)
    group by job_name order by score desc nulls last, job_name"""
_CONFUSED: Final = """
    select job_name, default_category, review_category, sum(pair_count)::bigint as pair_count
    from marts.category_confusion
    where default_category is distinct from review_category
    group by all order by pair_count desc, job_name, default_category, review_category limit 20"""
_NUMBERS: Final = """
    select (select count(*) from marts.assets), (select count(*) from marts.labels),
        (select count(*) from marts.annotations), (select count(*) from marts.review_vs_default),
        (select count(*) from kili.rejects), (select max(created_at) from marts.labels)"""


def write(file: Path, folder: Path, release_id: str) -> None:
    """Writes index.html for a published database. The page has no external link, no e-mail address and no script."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
    )
    with database.reading(file) as db:
        numbers = ("assets", "labels", "annotations", "review pairs", "rejects", "newest label")
        page = environment.get_template("index.html").render(
            release_id=release_id,
            numbers=dict(zip(numbers, db.execute(_NUMBERS).fetchall()[0], strict=True)),
            exports=database.rows(db, _EXPORTS),
            annotators=database.rows(db, _ANNOTATORS),
            jobs=database.rows(db, _JOBS),
            confused=database.rows(db, _CONFUSED),
            tables=database.rows(db, _TABLES),
            columns=db.execute(_COLUMNS).fetchall(),
        )
    folder.mkdir()
    (folder / "index.html").write_text(page, encoding="utf-8")
