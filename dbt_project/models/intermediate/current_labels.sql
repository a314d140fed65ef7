{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='asset_id',
        on_schema_change='fail',
    )
}}

with

labels as (
    select * from {{ ref('stg_kili__labels') }}
),

annotations as (
    select * from {{ ref('stg_kili__annotations') }}
),

versions as (
    select * from {{ ref('asset_versions') }}
),

assets as (
    select * from {{ ref('current_assets') }}
),

touched_assets as (
    {{ touched_assets() }}
),

seen as (
    select
        labels.label_key,
        labels.asset_id,
        labels.label_id,
        labels.author_id,
        labels.author_email,
        labels.author_name,
        labels.label_type,
        labels.created_at,
        labels.model_name,
        labels.skipped,
        labels.is_sent_back_to_queue,
        labels.is_latest_label_for_user,
        labels.is_honeypot,
        labels.consensus_mark,
        labels.honeypot_mark,
        labels.inference_mark,
        labels.review_score,
        labels.seconds_to_label,
        labels.total_seconds_to_label,
        labels.response_hash,
        labels.response_hash = '{{ var("empty_answer_hash") }}' as is_empty,
        labels.annotation_count,
        labels.extra,
        versions.asset_version,
        versions.first_seen_as_of,
        versions.recency,
        touched_assets.state_hash
    from touched_assets
    inner join versions
        on touched_assets.asset_id = versions.asset_id
    inner join labels
        on
            versions.asset_id = labels.asset_id
            and versions.asset_version = labels.asset_version
),

newest_values as (
    select
        label_key,
        {{ newest('label_id') }} as label_id,
        {{ newest('author_id') }} as author_id,
        {{ newest('author_email') }} as author_email,
        {{ newest('author_name') }} as author_name,
        {{ newest('label_type') }} as label_type,
        {{ newest('created_at') }} as created_at,
        {{ newest('model_name') }} as model_name,
        {{ newest('skipped') }} as skipped,
        {{ newest('is_sent_back_to_queue') }} as is_sent_back_to_queue,
        {{ newest('is_latest_label_for_user') }} as is_latest_label_for_user,
        {{ newest('is_honeypot') }} as is_honeypot,
        {{ newest('consensus_mark') }} as consensus_mark,
        {{ newest('honeypot_mark') }} as honeypot_mark,
        {{ newest('inference_mark') }} as inference_mark,
        {{ newest('review_score') }} as review_score,
        {{ newest('seconds_to_label') }} as seconds_to_label,
        {{ newest('total_seconds_to_label') }} as total_seconds_to_label,
        min(first_seen_as_of) as first_seen_as_of,
        max(recency) as last_recency,
        max(case when is_empty then recency end) as last_empty_recency,
        max(case when not is_empty then recency end) as last_full_recency
    from seen
    group by label_key
),

-- An empty answer never replaces a full one: a failed download looks like that.
chosen as (
    select
        *,
        coalesce(last_full_recency, last_empty_recency) as answer_recency,
        coalesce(last_empty_recency > last_full_recency, false) as is_response_carried_over
    from newest_values
),

newest_flattenings as (
    select
        annotations.label_key,
        annotations.response_hash,
        max(annotations.flatten_version) as flatten_version
    from touched_assets
    inner join annotations
        on touched_assets.asset_id = annotations.asset_id
    group by
        annotations.label_key,
        annotations.response_hash
),

current_labels as (
    select
        chosen.label_key,
        last_seen.asset_id,
        assets.project_id,
        chosen.label_id,
        chosen.author_id,
        chosen.author_email,
        chosen.author_name,
        chosen.label_type,
        chosen.created_at,
        chosen.model_name,
        chosen.skipped,
        chosen.is_sent_back_to_queue,
        chosen.is_latest_label_for_user,
        chosen.is_honeypot,
        chosen.consensus_mark,
        chosen.honeypot_mark,
        chosen.inference_mark,
        chosen.review_score,
        chosen.seconds_to_label,
        chosen.total_seconds_to_label,
        answered.response_hash,
        coalesce(answered.annotation_count, last_seen.annotation_count) as annotation_count,
        newest_flattenings.flatten_version,
        chosen.is_response_carried_over,
        last_seen.extra,
        chosen.first_seen_as_of,
        last_seen.asset_version,
        last_seen.state_hash
    from chosen
    inner join seen as last_seen
        on
            chosen.label_key = last_seen.label_key
            and chosen.last_recency = last_seen.recency
    inner join assets
        on last_seen.asset_id = assets.asset_id
    left join seen as answered
        on
            chosen.label_key = answered.label_key
            and chosen.answer_recency = answered.recency
    left join newest_flattenings
        on
            answered.label_key = newest_flattenings.label_key
            and answered.response_hash = newest_flattenings.response_hash
)

select * from current_labels
