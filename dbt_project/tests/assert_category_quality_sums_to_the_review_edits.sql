{{ config(meta={'dagster': {'ref': {'name': 'category_quality'}}}) }}

-- For each project, job and category, both scopes count every annotation of a latest review once.
with

reviews as (
    select * from {{ ref('review_vs_default') }}
    where
        is_latest_review
        and not coalesce(is_self_review, false)
),

edits as (
    select * from {{ ref('review_edits') }}
),

quality as (
    select * from {{ ref('category_quality') }}
),

scopes as (
    select distinct scope from quality
),

reviewed as (
    select
        reviews.project_id,
        edits.job_name,
        edits.default_category,
        edits.review_category
    from reviews
    inner join edits
        on
            reviews.review_label_key = edits.review_label_key
            and reviews.default_label_key = edits.default_label_key
),

counted as (
    select
        scopes.scope,
        reviewed.project_id,
        reviewed.job_name,
        reviewed.default_category as category,
        1 as chosen_count,
        0 as support_count,
        case when reviewed.default_category = reviewed.review_category then 1 else 0 end
            as match_count
    from reviewed
    cross join scopes
    where reviewed.default_category is not null
    union all
    select
        scopes.scope,
        reviewed.project_id,
        reviewed.job_name,
        reviewed.review_category as category,
        0 as chosen_count,
        1 as support_count,
        0 as match_count
    from reviewed
    cross join scopes
    where reviewed.review_category is not null
    union all
    select
        scope,
        project_id,
        job_name,
        category,
        -chosen_count as chosen_count,
        -support_count as support_count,
        -match_count as match_count
    from quality
),

differences as (
    select
        scope,
        project_id,
        job_name,
        category
    from counted
    group by
        scope,
        project_id,
        job_name,
        category
    having
        sum(chosen_count) != 0
        or sum(support_count) != 0
        or sum(match_count) != 0
)

select * from differences
