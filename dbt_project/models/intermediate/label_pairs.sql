with

review_pairs as (
    select * from {{ ref('review_pairs') }}
),

honeypot_pairs as (
    select * from {{ ref('honeypot_pairs') }}
),

consensus_pairs as (
    select * from {{ ref('consensus_pairs') }}
),

rereview_pairs as (
    select * from {{ ref('rereview_pairs') }}
),

prediction_pairs as (
    select * from {{ ref('prediction_pairs') }}
),

-- A new purpose needs a model of its pairs and a `union all` here.
pairs as (
    select
        'review' as purpose,
        asset_id,
        default_label_key as left_label_key,
        default_response_label_key as left_response_label_key,
        default_response_hash as left_response_hash,
        review_label_key as right_label_key,
        review_response_label_key as right_response_label_key,
        review_response_hash as right_response_hash
    from review_pairs
    union all
    select
        'honeypot' as purpose,
        asset_id,
        default_label_key as left_label_key,
        default_response_label_key as left_response_label_key,
        default_response_hash as left_response_hash,
        truth_label_key as right_label_key,
        truth_response_label_key as right_response_label_key,
        truth_response_hash as right_response_hash
    from honeypot_pairs
    union all
    select
        'consensus' as purpose,
        asset_id,
        one_label_key as left_label_key,
        one_response_label_key as left_response_label_key,
        one_response_hash as left_response_hash,
        other_label_key as right_label_key,
        other_response_label_key as right_response_label_key,
        other_response_hash as right_response_hash
    from consensus_pairs
    union all
    select
        'rereview' as purpose,
        asset_id,
        earlier_label_key as left_label_key,
        earlier_response_label_key as left_response_label_key,
        earlier_response_hash as left_response_hash,
        later_label_key as right_label_key,
        later_response_label_key as right_response_label_key,
        later_response_hash as right_response_hash
    from rereview_pairs
    union all
    select
        'prediction' as purpose,
        asset_id,
        machine_label_key as left_label_key,
        machine_response_label_key as left_response_label_key,
        machine_response_hash as left_response_hash,
        default_label_key as right_label_key,
        default_response_label_key as right_response_label_key,
        default_response_hash as right_response_hash
    from prediction_pairs
)

select * from pairs
