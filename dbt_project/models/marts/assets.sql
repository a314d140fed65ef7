with

current_assets as (
    select * from {{ ref('current_assets') }}
),

versions as (
    select * from {{ ref('asset_versions') }}
),

assets as (
    select
        current_assets.asset_id,
        current_assets.project_id,
        current_assets.external_id,
        current_assets.content,
        current_assets.status,
        current_assets.json_metadata,
        current_assets.is_honeypot,
        current_assets.honeypot_mark,
        current_assets.is_used_for_consensus,
        current_assets.consensus_mark,
        current_assets.inference_mark,
        current_assets.skipped,
        current_assets.total_seconds_to_label,
        current_assets.created_at,
        current_assets.updated_at,
        current_assets.extra,
        current_assets.first_seen_as_of,
        versions.last_seen_as_of
    from current_assets
    inner join versions
        on
            current_assets.asset_id = versions.asset_id
            and current_assets.asset_version = versions.asset_version
)

select * from assets
