with

review_pairs as (
    select * from {{ ref('review_pairs') }}
),

reviews as (
    select
        'review' as purpose,
        asset_id,
        default_label_key as left_label_key,
        default_response_hash as left_response_hash,
        review_label_key as right_label_key,
        review_response_hash as right_response_hash
    from review_pairs
),

-- A further purpose is one more model of pairs and one more `union all` here.
pairs as (
    select * from reviews
)

select * from pairs
