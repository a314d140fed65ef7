{{ config(materialized='table') }}

with

unit_votes as (
    select * from {{ ref('unit_votes') }}
),

labels as (
    select * from {{ ref('comparable_labels') }}
    where
        label_type = 'REVIEW'
        and not is_honeypot_truth
),

label_values as (
    select * from {{ ref('label_values') }}
),

ranked_reviews as (
    select
        label_key,
        asset_id,
        row_number() over (
            partition by asset_id
            order by
                created_at desc nulls last,
                label_key desc nulls last
        ) as recency_rank
    from labels
),

review_values as (
    select
        ranked_reviews.asset_id,
        label_values.job_name,
        label_values.label_value as review_value
    from ranked_reviews
    inner join label_values
        on ranked_reviews.label_key = label_values.label_key
    where ranked_reviews.recency_rank = 1
),

counted as (
    select
        asset_id,
        project_id,
        external_id,
        job_name,
        week,
        rating_count,
        count(*) as value_count,
        max(vote_count) as most_vote_count,
        cast(sum(case when has_most_votes then 1 else 0 end) as bigint) as leading_value_count,
        min(case when has_most_votes then rating end) as leading_value,
        sum(vote_count * ln(cast(rating_count as double) / vote_count)) as surprise
    from unit_votes
    group by
        asset_id,
        project_id,
        external_id,
        job_name,
        week,
        rating_count
),

units as (
    select
        counted.asset_id,
        counted.project_id,
        counted.external_id,
        counted.job_name,
        counted.week,
        counted.rating_count,
        counted.value_count,
        case when counted.leading_value_count = 1 then counted.leading_value end as majority_value,
        case when counted.leading_value_count > 1 then 'tie' end as majority_reason,
        {{ share('counted.most_vote_count', 'counted.rating_count') }} as majority_share,
        {{ share('counted.surprise', 'counted.rating_count') }} / ln(cast(2 as double)) as entropy,
        review_values.review_value
    from counted
    left join review_values
        on
            counted.asset_id = review_values.asset_id
            and counted.job_name = review_values.job_name
)

select * from units
