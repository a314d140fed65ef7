{{ config(materialized='table') }}

with

labels as (
    select * from {{ ref('comparable_labels') }}
    where not is_honeypot_truth
),

defaults as (
    select * from labels
    where label_type = 'DEFAULT'
),

ranked_reviews as (
    select
        *,
        row_number() over (
            partition by asset_id
            order by
                created_at asc nulls last,
                label_key asc nulls last
        ) as review_round
    from labels
    where label_type = 'REVIEW'
),

successive as (
    select
        earlier.asset_id,
        earlier.project_id,
        earlier.label_key as earlier_label_key,
        earlier.author_id as earlier_reviewer_id,
        earlier.created_at as earlier_created_at,
        earlier.response_label_key as earlier_response_label_key,
        earlier.response_hash as earlier_response_hash,
        later.label_key as later_label_key,
        later.author_id as later_reviewer_id,
        later.created_at as later_created_at,
        later.response_label_key as later_response_label_key,
        later.response_hash as later_response_hash,
        later.review_round as later_review_round
    from ranked_reviews as earlier
    inner join ranked_reviews as later
        on
            earlier.asset_id = later.asset_id
            and earlier.review_round + 1 = later.review_round
    where earlier.author_id != later.author_id
),

-- With work between two reviews, the second is not a review of the result of the first.
reworked as (
    select distinct successive.later_label_key
    from successive
    inner join defaults
        on
            successive.asset_id = defaults.asset_id
            and successive.earlier_created_at < defaults.created_at
            and successive.later_created_at >= defaults.created_at
),

pairs as (
    select successive.*
    from successive
    left join reworked
        on successive.later_label_key = reworked.later_label_key
    where reworked.later_label_key is null
)

select * from pairs
