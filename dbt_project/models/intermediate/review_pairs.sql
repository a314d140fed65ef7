{{ config(materialized='table') }}

with

labels as (
    select * from {{ ref('comparable_labels') }}
    where not is_honeypot_truth
),

defaults as (
    select *
    from labels
    where
        label_type = 'DEFAULT'
        and author_id is not null
),

reviews as (
    select
        *,
        row_number() over (
            partition by asset_id
            order by created_at asc nulls last, label_key asc nulls last
        ) as review_round,
        count(*) over (partition by asset_id) as review_count
    from labels
    where label_type = 'REVIEW'
),

candidates as (
    select
        reviews.asset_id,
        reviews.project_id,
        reviews.external_id,
        reviews.label_key as review_label_key,
        defaults.label_key as default_label_key,
        reviews.author_id as reviewer_id,
        defaults.author_id as annotator_id,
        reviews.created_at as review_created_at,
        defaults.created_at as default_created_at,
        reviews.review_round,
        reviews.review_round = reviews.review_count as is_latest_review,
        reviews.author_id = defaults.author_id as is_self_review,
        defaults.is_sent_back_to_queue as was_sent_back,
        reviews.response_label_key as review_response_label_key,
        reviews.response_hash as review_response_hash,
        defaults.response_label_key as default_response_label_key,
        defaults.response_hash as default_response_hash,
        row_number() over (
            partition by reviews.label_key, defaults.author_id
            order by defaults.created_at desc nulls last, defaults.label_key desc nulls last
        ) as recency_rank
    from reviews
    inner join defaults
        on
            reviews.asset_id = defaults.asset_id
            and reviews.created_at >= defaults.created_at
),

pairs as (
    select
        asset_id,
        project_id,
        external_id,
        review_label_key,
        default_label_key,
        reviewer_id,
        annotator_id,
        review_created_at,
        default_created_at,
        review_round,
        is_latest_review,
        is_self_review,
        was_sent_back,
        review_response_label_key,
        review_response_hash,
        default_response_label_key,
        default_response_hash
    from candidates
    where recency_rank = 1
)

select * from pairs
