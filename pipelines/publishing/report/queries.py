"""The queries of the quality report on a published file. Each is a table of the page's data.

People are named by a key, so that an e-mail address that identifies one is not in the page.
"""

from typing import Final

WEEKLY_ROWS: Final = 25_000
"""How many rows by annotator and week the page holds at most. Older weeks are left out; totals hold them."""

EDIT_ROWS: Final = 100_000
"""How many rows of edits by annotator and week the page holds at most. Older weeks are summed into one."""

RANKED_ASSETS: Final = 1_000
"""How many assets to look at again the page lists at most."""

_MACROS: Final = (
    "create temp macro person_key(id) as left(sha256(id), 12)",
    "create temp macro without_domain(address) as regexp_replace(address, '(.)@.*', '\\1', 's')",
)

_FIRST_WEEK: Final = f"""
    create temp table first_week as
    select coalesce(min(week) filter (where row_count <= {WEEKLY_ROWS}), max(week)) as week
    from (
        select week, sum(count(*)) over (order by week desc) as row_count
        from marts.annotator_weeks group by week
    )"""

_EDITS: Final = """
    create temp table edits as
    select project_id, annotator_id, date_trunc('week', default_created_at)::date as week, job_name, edit,
        default_category, review_category, count(*) as edit_count
    from marts.review_vs_default
    join marts.review_edits using (review_label_key, default_label_key)
    where is_latest_review and not coalesce(is_self_review, false)
    group by all"""

_EDIT_KINDS: Final = """
    create temp table edit_kinds as
    select job_name, edit, default_category, review_category,
        row_number() over (
            order by count(*) desc, job_name, edit, default_category, review_category
        ) - 1 as kind
    from edits group by job_name, edit, default_category, review_category"""

_NUMBERED_EDITS: Final = """
    create or replace temp table edits as
    select project_id, annotator_id, week, kind, edit_count
    from edits join edit_kinds on edits.job_name = edit_kinds.job_name and edits.edit = edit_kinds.edit
        and edits.default_category is not distinct from edit_kinds.default_category
        and edits.review_category is not distinct from edit_kinds.review_category"""

_FIRST_EDIT_WEEK: Final = f"""
    create temp table first_edit_week as
    select case when max(row_count) <= {EDIT_ROWS} then first_week.week
        else greatest(first_week.week, coalesce(
            min(edit_weeks.week) filter (where row_count <= {EDIT_ROWS}), max(edit_weeks.week))) end as week
    from first_week
    left join (
        select week, sum(count(*)) over (order by week desc) as row_count from edits group by week
    ) as edit_weeks on true
    group by first_week.week"""

_RANKED: Final = f"""
    create temp table ranked as
    select * from marts.asset_quality where look_again_rank is not null
    order by look_again_rank, priority desc, project_id, asset_id limit {RANKED_ASSETS}"""

STEPS: Final = (*_MACROS, _FIRST_WEEK, _EDITS, _EDIT_KINDS, _NUMBERED_EDITS, _FIRST_EDIT_WEEK, _RANKED)
"""What the queries read: macros and temporary tables."""

_SHARED_NAME: Final = "count(*) over (partition by name) > 1"

TABLES: Final = {
    "projects": """
        with names as (
            select project_id, arg_max(project_name, (as_of, export_id)) as name, max(as_of) as as_of
            from kili.exports group by project_id
        ),
        labels as (
            select project_id, count(*) as label_count, min(created_at) as first_label_at,
                max(created_at) as newest_label_at
            from marts.labels group by project_id
        ),
        assets as (
            select project_id, count(*) as asset_count, max(last_seen_as_of) as seen_as_of
            from marts.assets group by project_id
        )
        select coalesce(assets.project_id, '-') as project, coalesce(name, assets.project_id, 'no project id') as name,
            strftime(coalesce(as_of, seen_as_of), '%Y-%m-%dT%H:%MZ') as as_of, asset_count,
            coalesce(label_count, 0) as label_count,
            strftime(first_label_at, '%Y-%m-%dT%H:%MZ') as first_label_at,
            strftime(newest_label_at, '%Y-%m-%dT%H:%MZ') as newest_label_at
        from assets
        left join labels on labels.project_id is not distinct from assets.project_id
        left join names on names.project_id is not distinct from assets.project_id
        order by label_count desc, project""",
    "people": f"""
        with named as (
            select author_id as id, without_domain(coalesce(
                arg_max(author_email, (created_at, label_key)) filter (where author_email is not null), author_id
            )) as name
            from marts.labels where author_id is not null group by author_id
        )
        select person_key(id) as person,
            name || case when {_SHARED_NAME} then ' ' || left(person_key(id), 4) else '' end as name,
            without_domain(id) as id
        from named order by name, person""",
    "exports": """
        select regexp_extract(rtrim(file_url, '/'), '[^/]*$') as name, coalesce(project_id, '-') as project, layout,
            strftime(as_of, '%Y-%m-%dT%H:%MZ') as as_of, asset_count, label_count, is_rejected,
            rejected_asset_count + rejected_label_count as rejected_count
        from kili.exports order by is_rejected or rejected_count > 0 desc, exports.as_of desc nulls last, name""",
    "rejects": """
        select regexp_extract(rtrim(file_url, '/'), '[^/]*$') as name, entry, location, reason
        from kili.rejects order by all limit 100""",
    "annotators": """
        with first_pass as (
            select project_id, annotator_id, sum(passed_count)::bigint as passed_count,
                sum(judged_count)::bigint as judged_count
            from marts.first_pass_yield group by project_id, annotator_id
        )
        select coalesce(annotators.project_id, '-') as project, person_key(annotators.annotator_id) as person,
            label_count, skipped_count, skipped_count_reason, accepted_count, fixed_count, sent_back_count,
            sent_back_count_reason, reviewed_count, acceptance_share_reason, scored_count, review_score,
            review_score_reason, coalesce(passed_count, 0) as passed_count, coalesce(judged_count, 0) as judged_count,
            agreement_asset_count, agreement_score, agreement_score_reason, honeypot_count, honeypot_score,
            honeypot_score_reason, seconds_count, total_seconds, capped_seconds, median_seconds, p90_seconds,
            seconds_reason
        from marts.annotators
        left join first_pass
            on first_pass.project_id is not distinct from annotators.project_id
            and first_pass.annotator_id = annotators.annotator_id
        order by project, person""",
    "annotator_weeks": """
        with scores as (
            select project_id, annotator_id, week, sum(review_score * review_score) as squares
            from marts.label_outcomes where week >= (select week from first_week)
            group by project_id, annotator_id, week
        )
        select coalesce(weeks.project_id, '-') as project, person_key(weeks.annotator_id) as person,
            weeks.week::varchar as week, label_count, skipped_count, accepted_count, weeks.fixed_count,
            weeks.sent_back_count, reviewed_count, scored_count, review_score, squares as score_squares,
            coalesce(passed_count, 0) as passed_count, coalesce(judged_count, 0) as judged_count,
            agreement_asset_count, agreement_score, honeypot_count, honeypot_score, seconds_count, total_seconds,
            capped_seconds, median_seconds, p90_seconds
        from marts.annotator_weeks as weeks
        left join marts.first_pass_yield as first_pass
            on first_pass.project_id is not distinct from weeks.project_id
            and first_pass.annotator_id = weeks.annotator_id and first_pass.week = weeks.week
        left join scores
            on scores.project_id is not distinct from weeks.project_id
            and scores.annotator_id = weeks.annotator_id and scores.week = weeks.week
        where weeks.week >= (select week from first_week)
        order by project, person, week""",
    "reviewers": """
        select coalesce(project_id, '-') as project, person_key(reviewer_id) as person, review_count,
            self_review_count, accepted_count, fixed_count, sent_back_count, sent_back_count_reason, judged_count,
            acceptance_share_reason, edit_count, compared_count, edits_per_label_reason, kept_by_next_share,
            reviewed_again_count, kept_by_next_share_reason, judged_count + uncompared_count as hours_count,
            median_hours_to_review, p90_hours_to_review, hours_reason, strictness, strictness_low, strictness_high,
            strictness_count, strictness_reason, seconds_count, total_seconds, capped_seconds, median_seconds,
            p90_seconds, seconds_reason
        from marts.reviewers order by project, person""",
    "reviewer_weeks": """
        select coalesce(project_id, '-') as project, person_key(reviewer_id) as person, week::varchar as week,
            review_count, self_review_count, accepted_count, fixed_count, sent_back_count, judged_count, edit_count,
            compared_count, kept_by_next_share, reviewed_again_count, judged_count + uncompared_count as hours_count,
            median_hours_to_review, p90_hours_to_review, seconds_count, total_seconds, capped_seconds, median_seconds,
            p90_seconds
        from marts.reviewer_weeks where week >= (select week from first_week) order by project, person, week""",
    "days": """
        select coalesce(project_id, '-') as project, day::varchar as day,
            date_trunc('week', day)::date::varchar as week, default_count, review_count,
            prediction_count + inference_count as machine_count, sent_back_count, waiting_count,
            labelled_count, reviewed_count
        from marts.days
        where default_count + review_count + prediction_count + inference_count + waiting_in_count
            + waiting_out_count + labelled_in_count + labelled_out_count + reviewed_in_count + reviewed_out_count > 0
        order by project, days.day""",
    "edit_kinds": """
        select job_name as job, edit, default_category as annotator_category, review_category as reviewer_category
        from edit_kinds order by kind""",
    "edits": """
        select coalesce(project_id, '-') as project, person_key(annotator_id) as person,
            case when week >= (select week from first_edit_week) then week end::varchar as week, kind,
            sum(edit_count)::bigint as edit_count
        from edits group by all order by project, person, week, kind""",
    "agreement": """
        select coalesce(project_id, '-') as project, job_name as job, week::varchar as week, unit_count, rating_count,
            annotator_count, category_count, agreement_share, agreement_share_reason, alpha, alpha_low, alpha_high,
            alpha_reason, fleiss_kappa, fleiss_kappa_reason, ac1, ac1_low, ac1_high, ac1_reason
        from marts.agreement where scope = 'all' or week >= (select week from first_week)
        order by project, job, week nulls first""",
    "agreement_pairs": """
        select coalesce(project_id, '-') as project, coalesce(job_name, '') as job,
            person_key(annotator_id) as person, person_key(other_annotator_id) as other, scored_count, mean_score,
            score_reason, rating_count, agreement_share, agreement_share_reason, cohen_kappa, kappa_reason
        from marts.agreement_pairs where annotator_id < other_annotator_id order by project, job, person, other""",
    "models": """
        select coalesce(project_id, '-') as project, coalesce(model_name, '') as model, label_type,
            machine_label_count, judged_count, accepted_count, edited_count, dropped_count, accepted_share_reason,
            scored_count, mean_score, mean_score_reason, edits_per_label, edits_per_label_reason, reviewed_count,
            upheld_count, upheld_share_reason
        from marts.model_vs_human order by project, model, label_type""",
    "ranked_total": """
        select coalesce(project_id, '-') as project, count(look_again_rank) as asset_count
        from marts.asset_quality group by project_id""",
    "ranked": """
        with annotators as (
            select asset_id, string_agg(distinct person_key(annotator_id), ' ') as people
            from marts.label_outcomes where asset_id in (select asset_id from ranked) group by asset_id
        )
        select asset_id as asset, coalesce(external_id, asset_id) as name, coalesce(project_id, '-') as project, status,
            reasons, priority, look_again_rank as rank, default_count, review_count,
            strftime(last_label_at, '%Y-%m-%d') as last_label_on,
            date_trunc('week', last_label_at)::date::varchar as week, coalesce(people, '') as people
        from ranked left join annotators using (asset_id)
        order by look_again_rank, ranked.priority desc, project_id, asset_id""",
}
