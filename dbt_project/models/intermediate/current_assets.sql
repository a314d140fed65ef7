{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='asset_id',
        on_schema_change='fail',
    )
}}

with

assets as (
    select * from {{ ref('stg_kili__assets') }}
),

sightings as (
    select * from {{ ref('asset_sightings') }}
),

versions as (
    select * from {{ ref('asset_versions') }}
),

changed_assets as (
    {{ changed_assets() }}
),

seen as (
    select
        assets.asset_id,
        assets.asset_version,
        assets.external_id,
        assets.content,
        assets.status,
        assets.json_metadata,
        assets.is_honeypot,
        assets.honeypot_mark,
        assets.is_used_for_consensus,
        assets.consensus_mark,
        assets.inference_mark,
        assets.skipped,
        assets.total_seconds_to_label,
        assets.created_at,
        assets.updated_at,
        assets.extra,
        versions.first_seen_as_of,
        versions.recency,
        changed_assets.state_hash
    from changed_assets
    inner join versions
        on changed_assets.asset_id = versions.asset_id
    inner join assets
        on
            versions.asset_id = assets.asset_id
            and versions.asset_version = assets.asset_version
),

named_projects as (
    select
        sightings.asset_id,
        sightings.asset_version,
        sightings.export_id,
        sightings.as_of,
        coalesce(assets.project_id, sightings.project_id) as project_id
    from changed_assets
    inner join sightings
        on changed_assets.asset_id = sightings.asset_id
    inner join assets
        on
            sightings.asset_id = assets.asset_id
            and sightings.asset_version = assets.asset_version
),

newest_projects as (
    select
        asset_id,
        max_by(project_id, {{ sighting_order() }}) as project_id
    from named_projects
    where project_id is not null
    group by asset_id
),

newest_values as (
    select
        asset_id,
        {{ newest('external_id') }} as external_id,
        {{ newest('content') }} as content,
        {{ newest('status') }} as status,
        {{ newest('json_metadata') }} as json_metadata,
        {{ newest('is_honeypot') }} as is_honeypot,
        {{ newest('honeypot_mark') }} as honeypot_mark,
        {{ newest('is_used_for_consensus') }} as is_used_for_consensus,
        {{ newest('consensus_mark') }} as consensus_mark,
        {{ newest('inference_mark') }} as inference_mark,
        {{ newest('skipped') }} as skipped,
        {{ newest('total_seconds_to_label') }} as total_seconds_to_label,
        {{ newest('created_at') }} as created_at,
        {{ newest('updated_at') }} as updated_at,
        min(first_seen_as_of) as first_seen_as_of,
        max(recency) as last_recency
    from seen
    group by asset_id
),

current_assets as (
    select
        newest_values.asset_id,
        newest_projects.project_id,
        newest_values.external_id,
        newest_values.content,
        newest_values.status,
        newest_values.json_metadata,
        newest_values.is_honeypot,
        newest_values.honeypot_mark,
        newest_values.is_used_for_consensus,
        newest_values.consensus_mark,
        newest_values.inference_mark,
        newest_values.skipped,
        newest_values.total_seconds_to_label,
        newest_values.created_at,
        newest_values.updated_at,
        last_seen.extra,
        newest_values.first_seen_as_of,
        last_seen.asset_version,
        last_seen.state_hash
    from newest_values
    inner join seen as last_seen
        on
            newest_values.asset_id = last_seen.asset_id
            and newest_values.last_recency = last_seen.recency
    left join newest_projects
        on newest_values.asset_id = newest_projects.asset_id
)

select * from current_assets
