{{ config(meta={'dagster': {'ref': {'name': 'category_confusion'}}}) }}

with

confusion as (
    select * from {{ ref('category_confusion') }}
    where default_category = review_category
),

quality as (
    select * from {{ ref('category_quality') }}
    where
        scope = 'project'
        and match_count > 0
),

counted as (
    select
        project_id,
        job_name,
        default_category as category,
        pair_count
    from confusion
    union all
    select
        project_id,
        job_name,
        category,
        -match_count as pair_count
    from quality
),

differences as (
    select
        project_id,
        job_name,
        category
    from counted
    group by
        project_id,
        job_name,
        category
    having sum(pair_count) != 0
)

select * from differences
