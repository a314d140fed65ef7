with

labels as (
    select * from {{ ref('comparable_labels') }}
),

defaults as (
    select * from {{ ref('latest_default_labels') }}
),

ranked_truths as (
    select
        *,
        row_number() over (
            partition by asset_id
            order by created_at desc nulls last, label_key desc nulls last
        ) as recency_rank
    from labels
    where is_honeypot_truth
),

pairs as (
    select
        defaults.asset_id,
        defaults.label_key as default_label_key,
        defaults.response_label_key as default_response_label_key,
        defaults.response_hash as default_response_hash,
        truths.label_key as truth_label_key,
        truths.response_label_key as truth_response_label_key,
        truths.response_hash as truth_response_hash
    from defaults
    inner join ranked_truths as truths
        on defaults.asset_id = truths.asset_id
    where truths.recency_rank = 1
)

select * from pairs
