"""`python -m bench.report PUBLISHED`: what the quality report of a large warehouse costs to build, and its size.

PUBLISHED is any published warehouse.duckdb: its tables give the columns. The rows are made up: 100,000 assets in 50
projects, labelled by 300 annotators in 26 weeks. A project takes half of the weeks and has 30 annotators. A third of
their pairs share assets.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import duckdb

from pipelines.publishing.report import pages

_ASSETS: Final = 100_000
_PROJECTS: Final = 50
_ANNOTATORS: Final = 300
_TEAM: Final = 30
"""Annotators of a project: each works for five."""
_WEEKS: Final = 26
_LABELS: Final = 150_000
_EDITS: Final = 5
"""Annotations of a reviewed label."""

_ROWS: Final = (
    f"""create temp table made as
    select i, 'label-' || i as label_key, 'asset-' || i % {_ASSETS} as asset_id,
        'project-' || i % {_ASSETS} % {_PROJECTS} as project_id,
        'annotator-' || (i % {_ASSETS} % {_PROJECTS} * {_TEAM} + hash(i) % {_TEAM}) % {_ANNOTATORS} as annotator_id,
        'reviewer-' || (i % {_ASSETS} % {_PROJECTS} + hash(i, 1) % 3) as reviewer_id,
        timestamptz '2026-01-05 08:00:00+00' + to_days((
            i % {_ASSETS} % {_PROJECTS} * 7 * {_WEEKS} // 2 // {_PROJECTS} // 7 * 7
            + i % {_ASSETS} * 7 * {_WEEKS} // 2 // {_ASSETS})::int) as created_at,
        date_trunc('week', created_at)::date as week, hash(i, 2) % 10 < 6 as is_reviewed,
        hash(i, 3) % 10 < 6 as is_accepted, (hash(i, 4) % 1000) / 1000 as score, 20 + hash(i, 5) % 200 as seconds
    from range({_LABELS}) as labels(i)""",
    """insert into marts.label_outcomes by name
    select label_key, asset_id, project_id, annotator_id, created_at, week,
        case when is_reviewed then score end as review_score from made""",
    """insert into marts.labels by name
    select label_key, asset_id, project_id, created_at, annotator_id as author_id,
        annotator_id || '@example.org' as author_email from made""",
    """insert into marts.assets by name
    select distinct asset_id, project_id, created_at as last_seen_as_of from made""",
    *(
        f"""insert into marts.{table} by name
        select project_id, annotator_id, {week} count(*) as label_count, 0 as skipped_count, 0 as sent_back_count,
            count(*) filter (where is_reviewed and is_accepted) as accepted_count,
            count(*) filter (where is_reviewed and not is_accepted) as fixed_count,
            count(*) filter (where is_reviewed) as reviewed_count, reviewed_count as scored_count,
            avg(score) filter (where is_reviewed) as review_score, count(*) as agreement_asset_count,
            avg(score) as agreement_score, count(*) as seconds_count, sum(seconds) as total_seconds,
            sum(seconds) as capped_seconds, median(seconds) as median_seconds,
            quantile_cont(seconds, 0.9) as p90_seconds
        from made group by all"""
        for table, week in (("annotators", ""), ("annotator_weeks", "week,"))
    ),
    """insert into marts.first_pass_yield by name
    select project_id, annotator_id, week, count(*) filter (where is_accepted) as passed_count,
        count(*) as judged_count from made where is_reviewed group by all""",
    *(
        f"""insert into marts.{table} by name
        select project_id, reviewer_id, {week} count(*) as review_count, 0 as self_review_count, 0 as sent_back_count,
            0 as uncompared_count, count(*) filter (where is_accepted) as accepted_count, count(*) as judged_count,
            count(*) as edit_count, count(*) as compared_count, 0 as reviewed_again_count,
            median(score) as median_hours_to_review, max(score) as p90_hours_to_review, 0 as seconds_count
        from made where is_reviewed group by all"""
        for table, week in (("reviewers", ""), ("reviewer_weeks", "week,"))
    ),
    """insert into marts.review_vs_default by name
    select asset_id, project_id, label_key as default_label_key, 'review-' || label_key as review_label_key,
        annotator_id, reviewer_id, created_at as default_created_at, true as is_latest_review
    from made where is_reviewed""",
    f"""insert into marts.review_edits by name
    select asset_id, label_key as default_label_key, 'review-' || label_key as review_label_key,
        label_key || '-' || n as default_annotation_key, 'review-' || default_annotation_key as review_annotation_key,
        case when hash(i, n) % 20 < 16 then 'kept' when hash(i, n) % 20 < 19 then 'moved' else 'relabelled' end as edit,
        'JOB_' || n % 2 as job_name, 'CLASS_' || hash(i, n, 1) % 8 as default_category,
        case when edit = 'relabelled' then 'CLASS_' || (hash(i, n, 1) + 1) % 8 else default_category end
            as review_category
    from made, range({_EDITS}) as places(n) where is_reviewed""",
    """insert into marts.annotations by name
    select unnest([default_annotation_key, review_annotation_key]) as annotation_key,
        unnest([default_label_key, review_label_key]) as label_key, asset_id, job_name, 'object' as kind,
        default_category as category, 'POLYGON ((' || (
            select string_agg((0.5 + 0.3 * cos(x / 10)) || ' ' || (0.5 + 0.3 * sin(x / 10)), ', ')
            from range(63) as xs(x)
        ) || '))' as geometry
    from marts.review_edits""",
    f"""insert into marts.agreement_pairs by name
    select 'project-' || p as project_id, job as job_name, 'annotator-' || a as annotator_id,
        'annotator-' || b as other_annotator_id, 12 as scored_count, hash(a, b, p) % 1000 / 1000 as mean_score,
        12 as rating_count, hash(a, b) % 1000 / 1000 as agreement_share, hash(b, a) % 1000 / 1000 as cohen_kappa
    from range({_PROJECTS}) as projects(p), range({_ANNOTATORS}) as left_side(a), range({_ANNOTATORS}) as right_side(b),
        (values (null), ('JOB_0'), ('JOB_1')) as jobs(job)
    where a != b and hash(least(a, b), greatest(a, b)) % 3 = 0
        and (a - p * {_TEAM} % {_ANNOTATORS} + {_ANNOTATORS}) % {_ANNOTATORS} < {_TEAM}
        and (b - p * {_TEAM} % {_ANNOTATORS} + {_ANNOTATORS}) % {_ANNOTATORS} < {_TEAM}""",
    """insert into marts.agreement by name
    select project_id, job as job_name, scope, monday as week, count(*) as unit_count,
        avg(score) as agreement_share, avg(score) as alpha, avg(score) as fleiss_kappa, avg(score) as ac1
    from (
        select *, unnest(['all', 'week']) as scope, unnest([null, week]) as monday from made
    ), (values ('JOB_0'), ('JOB_1')) as jobs(job) group by all""",
    """insert into marts.days by name
    select project_id, created_at::date as day, count(*) as default_count,
        count(*) filter (where is_reviewed) as review_count, 0 as prediction_count, 0 as inference_count,
        0 as sent_back_count, count(*) as waiting_count, count(*) as waiting_in_count, 0 as waiting_out_count,
        count(*) as labelled_count, 0 as labelled_in_count, 0 as labelled_out_count, count(*) as reviewed_count,
        0 as reviewed_in_count, 0 as reviewed_out_count from made group by all""",
    """insert into marts.asset_quality by name
    select asset_id, project_id, asset_id as external_id, 'REVIEWED' as status, 1 as default_count, 1 as review_count,
        max(created_at) as last_label_at, 'rework' as reasons, avg(score) as priority,
        row_number() over (partition by project_id order by avg(score) desc) as look_again_rank
    from made group by asset_id, project_id""",
    """insert into kili.exports by name
    select 'export-' || project_id as export_id, project_id || '.zip' as file_url, project_id,
        'Project ' || project_id as project_name, timestamptz '2026-07-06 00:00:00+00' as as_of, false as is_rejected,
        0 as rejected_asset_count, 0 as rejected_label_count from made group by all""",
)


def main(published: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-") as made:
        folder = Path(made)
        _fill(published, folder / "warehouse.duckdb")
        cpu, wall = time.process_time(), time.perf_counter()
        pages.write(folder / "warehouse.duckdb", folder / "site", "a release")
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        size = (folder / "site" / "index.html").stat().st_size
        print(f"built in {cpu:.1f} CPU seconds, {wall:.1f} seconds; {size / 1e6:.2f} MB")
        print(f"opens in {_seconds_to_open(folder / 'site' / 'index.html'):.1f} seconds in Chromium")


def _fill(published: Path, target: Path) -> None:
    """Writes a published database with the made-up rows."""
    with duckdb.connect(str(target)) as db:
        db.execute(f"attach '{published}' as published (read_only)")
        tables = "select schema_name, table_name from duckdb_tables() where database_name = 'published'"
        for schema, table in db.execute(tables).fetchall():
            db.execute(f"create schema if not exists {schema}")
            db.execute(f"create table {schema}.{table} as from published.{schema}.{table} limit 0")
        for statement in _ROWS:
            db.execute(statement)


def _seconds_to_open(page: Path) -> float:
    """From the start of the navigation to the page drawn, in a headless Chromium."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in ("headless", "no-sandbox", "disable-gpu"):
        options.add_argument(f"--{flag}")
    with webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver")) as browser:
        browser.get(page.as_uri())
        drawn = "return performance.getEntriesByType('navigation')[0].loadEventEnd / 1000"
        return float(browser.execute_script(drawn))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
