with

current_assets as (
    select * from {{ ref('current_assets') }}
),

assets as (
    select
        asset_id,
        project_id,
        external_id,
        content,
        status,
        json_metadata,
        is_honeypot,
        honeypot_mark,
        is_used_for_consensus,
        consensus_mark,
        inference_mark,
        skipped,
        total_seconds_to_label,
        created_at,
        updated_at,
        extra,
        first_seen_as_of,
        last_seen_as_of
    from current_assets
)

select * from assets
