with

review_pairs as (
    select * from {{ ref('review_pairs') }}
),

reviewed as (
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
        review_response_hash = default_response_hash as is_unchanged
    from review_pairs
)

select * from reviewed
