with

labels as (
    select * from {{ ref('comparable_labels') }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by asset_id, author_id
            order by created_at desc nulls last, label_key desc nulls last
        ) as recency_rank
    from labels
    where
        label_type = 'DEFAULT'
        and not is_honeypot_truth
        and author_id is not null
),

latest as (
    select
        label_key,
        asset_id,
        project_id,
        external_id,
        author_id,
        created_at,
        is_used_for_consensus,
        response_label_key,
        response_hash
    from ranked
    where recency_rank = 1
)

select * from latest
