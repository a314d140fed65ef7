with

labels as (
    select * from {{ ref('current_labels') }}
),

assets as (
    select * from {{ ref('current_assets') }}
),

with_asset as (
    select
        labels.label_key,
        labels.asset_id,
        labels.project_id,
        assets.external_id,
        labels.label_type,
        labels.author_id,
        labels.created_at,
        labels.is_sent_back_to_queue,
        assets.is_used_for_consensus,
        labels.response_label_key,
        labels.response_hash,
        coalesce(labels.skipped, false) as is_skipped,
        coalesce(
            labels.is_honeypot,
            assets.is_honeypot and labels.label_type = 'REVIEW',
            false
        ) as is_honeypot_truth
    from labels
    inner join assets
        on labels.asset_id = assets.asset_id
),

comparable as (
    select
        label_key,
        asset_id,
        project_id,
        external_id,
        label_type,
        author_id,
        created_at,
        is_sent_back_to_queue,
        is_used_for_consensus,
        is_honeypot_truth,
        response_label_key,
        response_hash
    from with_asset
    where
        label_type in ('DEFAULT', 'REVIEW')
        and not is_skipped
)

select * from comparable
