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

flattenings as (
    select * from {{ ref('stg_kili__flattenings') }}
),

versions as (
    select * from {{ ref('asset_versions') }}
),

assets as (
    select * from {{ ref('current_assets') }}
),

people as (
    select * from {{ ref('people') }}
),

changed_assets as (
    {{ changed_assets() }}
),

shown as (
    select
        labels.label_key as shown_label_key,
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
        labels.extra,
        versions.asset_version,
        versions.first_seen_as_of,
        versions.recency as version_recency,
        changed_assets.state_hash
    from changed_assets
    inner join versions
        on changed_assets.asset_id = versions.asset_id
    inner join labels
        on
            versions.asset_id = labels.asset_id
            and versions.asset_version = labels.asset_version
),

keys as (
    select
        asset_id,
        shown_label_key,
        {{ newest('label_id', 'version_recency') }} as label_id,
        max(version_recency) as last_recency
    from shown
    group by
        asset_id,
        shown_label_key
),

repeated_ids as (
    select
        asset_id,
        label_id
    from keys
    where label_id is not null
    group by
        asset_id,
        label_id
    having count(*) > 1
),

-- Keys of one asset with the same label id are one label, under the newest key.
united_keys as (
    select
        keys.shown_label_key,
        first_value(keys.shown_label_key) over (
            partition by keys.asset_id, keys.label_id
            order by keys.last_recency desc nulls last, keys.shown_label_key asc nulls last
        ) as label_key,
        row_number() over (
            partition by keys.asset_id, keys.label_id
            order by keys.shown_label_key asc nulls last
        ) as recency_rank,
        count(*) over (partition by keys.asset_id, keys.label_id) as key_count
    from repeated_ids
    inner join keys
        on
            repeated_ids.asset_id = keys.asset_id
            and repeated_ids.label_id = keys.label_id
),

-- If one version has a label under several keys, the least key counts as the newest.
seen as (
    select
        shown.*,
        coalesce(united_keys.label_key, shown.shown_label_key) as label_key,
        shown.version_recency * coalesce(united_keys.key_count, 1)
        - coalesce(united_keys.recency_rank, 1) as recency
    from shown
    left join united_keys
        on shown.shown_label_key = united_keys.shown_label_key
),

-- An empty answer never replaces a non-empty one: a failed download gives empty answers.
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
        coalesce(
            max(case when not is_empty then recency end),
            max(case when is_empty then recency end)
        ) as answer_recency,
        coalesce(
            max(case when is_empty then version_recency end)
            > max(case when not is_empty then version_recency end),
            false
        ) as is_response_carried_over
    from seen
    group by label_key
),

newest_flattenings as (
    select
        flattenings.label_key,
        flattenings.response_hash,
        max(flattenings.flatten_version) as flatten_version,
        max_by(flattenings.annotation_count, flattenings.flatten_version) as annotation_count
    from changed_assets
    inner join flattenings
        on changed_assets.asset_id = flattenings.asset_id
    group by
        flattenings.label_key,
        flattenings.response_hash
),

current_labels as (
    select
        newest_values.label_key,
        last_seen.asset_id,
        assets.project_id,
        newest_values.label_id,
        coalesce(
            newest_values.author_id,
            people.author_id,
            {{ person_email('newest_values.author_email') }}
        ) as author_id,
        newest_values.author_email,
        newest_values.author_name,
        newest_values.label_type,
        newest_values.created_at,
        newest_values.model_name,
        newest_values.skipped,
        newest_values.is_sent_back_to_queue,
        newest_values.is_latest_label_for_user,
        newest_values.is_honeypot,
        newest_values.consensus_mark,
        newest_values.honeypot_mark,
        newest_values.inference_mark,
        newest_values.review_score,
        newest_values.seconds_to_label,
        newest_values.total_seconds_to_label,
        answered.shown_label_key as response_label_key,
        answered.response_hash,
        coalesce(newest_flattenings.annotation_count, 0) as annotation_count,
        newest_flattenings.flatten_version,
        newest_values.is_response_carried_over,
        last_seen.extra,
        newest_values.first_seen_as_of,
        last_seen.asset_version,
        last_seen.state_hash
    from newest_values
    inner join seen as last_seen
        on
            newest_values.label_key = last_seen.label_key
            and newest_values.last_recency = last_seen.recency
    inner join assets
        on last_seen.asset_id = assets.asset_id
    left join people
        on {{ person_email('newest_values.author_email') }} = people.author_email
    left join seen as answered
        on
            newest_values.label_key = answered.label_key
            and newest_values.answer_recency = answered.recency
    left join newest_flattenings
        on
            answered.shown_label_key = newest_flattenings.label_key
            and answered.response_hash = newest_flattenings.response_hash
)

select * from current_labels
