{{ config(meta={'dagster': {'ref': {'name': 'days'}}}) }}

with

days as (
    select * from {{ ref('days') }}
),

assets as (
    select * from {{ ref('assets') }}
),

labels as (
    select * from {{ ref('labels') }}
    where label_type != 'AUTOSAVE'
),

times as (
    select
        asset_id,
        project_id,
        created_at as known_at
    from assets
    union all
    select
        asset_id,
        project_id,
        first_seen_as_of as known_at
    from assets
    union all
    select
        asset_id,
        project_id,
        created_at as known_at
    from labels
),

first_known as (
    select
        asset_id,
        project_id,
        min(known_at) as known_at
    from times
    group by
        asset_id,
        project_id
),

counted as (
    select
        project_id,
        {{ day_of('known_at') }} as day,
        1 as asset_count
    from first_known
    where known_at is not null
    union all
    select
        project_id,
        day,
        -waiting_in_count - labelled_in_count - reviewed_in_count
        + waiting_out_count + labelled_out_count + reviewed_out_count as asset_count
    from days
),

differences as (
    select
        project_id,
        day,
        sum(asset_count) as difference
    from counted
    group by
        project_id,
        day
    having sum(asset_count) != 0
)

select * from differences
