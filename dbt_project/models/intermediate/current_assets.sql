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

touched_assets as (
    select
        asset_id,
        load_count
    from {{ ref('asset_loads') }}
    {% if is_incremental() %}
        except
        select
            asset_id,
            load_count
        from {{ this }}
    {% endif %}
),

seen as (
    select
        assets.asset_id,
        assets.asset_version,
        coalesce(assets.project_id, sightings.project_id) as project_id,
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
        sightings.as_of,
        sightings.recency,
        touched_assets.load_count
    from touched_assets
    inner join sightings
        on touched_assets.asset_id = sightings.asset_id
    inner join assets
        on
            sightings.asset_id = assets.asset_id
            and sightings.asset_version = assets.asset_version
),

newest_values as (
    select
        asset_id,
        {{ newest('project_id') }} as project_id,
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
        min(as_of) as first_seen_as_of,
        max(as_of) as last_seen_as_of,
        max(recency) as last_recency
    from seen
    group by asset_id
),

current_assets as (
    select
        newest_values.asset_id,
        newest_values.project_id,
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
        newest_values.last_seen_as_of,
        last_seen.asset_version,
        last_seen.load_count
    from newest_values
    inner join seen as last_seen
        on
            newest_values.asset_id = last_seen.asset_id
            and newest_values.last_recency = last_seen.recency
)

select * from current_assets
