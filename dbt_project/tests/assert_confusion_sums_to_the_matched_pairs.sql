{{ config(meta={'dagster': {'ref': {'name': 'category_confusion'}}}) }}

-- For each project and job, the confusion counts every matched pair of categories once.
with

reviews as (
    select * from {{ ref('review_vs_default') }}
    where
        is_latest_review
        and not coalesce(is_self_review, false)
),

edits as (
    select * from {{ ref('review_edits') }}
    where
        edit not in ('added', 'removed')
        and default_category is not null
        and review_category is not null
),

confusion as (
    select * from {{ ref('category_confusion') }}
    where
        default_category is not null
        and review_category is not null
),

matched as (
    select
        reviews.project_id,
        edits.job_name,
        count(*) as pair_count
    from reviews
    inner join edits
        on
            reviews.review_label_key = edits.review_label_key
            and reviews.default_label_key = edits.default_label_key
    group by
        reviews.project_id,
        edits.job_name
),

summed as (
    select
        project_id,
        job_name,
        cast(sum(pair_count) as bigint) as pair_count
    from confusion
    group by
        project_id,
        job_name
),

differences as (
    (
        select * from matched
        except
        select * from summed
    )
    union all
    (
        select * from summed
        except
        select * from matched
    )
)

select * from differences
