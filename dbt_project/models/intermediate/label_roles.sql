with

labels as (
    select * from {{ ref('current_labels') }}
    where label_type != 'AUTOSAVE'
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
        labels.model_name,
        labels.skipped,
        labels.is_sent_back_to_queue,
        labels.annotation_count,
        labels.seconds_to_label,
        labels.is_response_carried_over,
        assets.is_used_for_consensus,
        labels.response_label_key,
        labels.response_hash,
        coalesce(labels.skipped, false) as is_skipped,
        labels.label_type in ('PREDICTION', 'INFERENCE') as is_machine,
        coalesce(
            labels.is_honeypot,
            assets.is_honeypot and labels.label_type = 'REVIEW',
            false
        ) as is_honeypot_truth
    from labels
    inner join assets
        on labels.asset_id = assets.asset_id
),

roles as (
    select
        label_key,
        asset_id,
        project_id,
        external_id,
        label_type,
        author_id,
        created_at,
        model_name,
        skipped,
        is_sent_back_to_queue,
        annotation_count,
        seconds_to_label,
        is_response_carried_over,
        is_used_for_consensus,
        response_label_key,
        response_hash,
        case
            when is_machine and not is_skipped then 'machine'
            when is_machine then null
            when is_honeypot_truth and not is_skipped then 'truth'
            when is_honeypot_truth then null
            when label_type = 'DEFAULT' and is_skipped then 'skip'
            when label_type = 'DEFAULT' then 'work'
            when label_type = 'REVIEW' and not is_skipped then 'review'
        end as label_role
    from with_asset
)

select * from roles
