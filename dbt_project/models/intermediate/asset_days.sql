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
    select * from {{ ref('current_assets') }}
),

labels as (
    select * from {{ ref('label_roles') }}
),

changed_assets as (
    {{ changed_assets() }}
),

events as (
    select
        asset_id,
        created_at as event_at,
        null as label_role
    from assets
    union all
    select
        asset_id,
        first_seen_as_of as event_at,
        null as label_role
    from assets
    union all
    select
        asset_id,
        created_at as event_at,
        label_role
    from labels
),

daily as (
    select
        changed_assets.asset_id,
        changed_assets.state_hash,
        {{ day_of('events.event_at') }} as day,
        max(case when events.label_role = 'work' then events.event_at end) as work_at,
        max(case when events.label_role = 'review' then events.event_at end) as review_at
    from changed_assets
    inner join events
        on changed_assets.asset_id = events.asset_id
    where events.event_at is not null
    group by
        changed_assets.asset_id,
        changed_assets.state_hash,
        {{ day_of('events.event_at') }}
),

up_to_day as (
    select
        asset_id,
        state_hash,
        day,
        max(work_at) over (
            partition by asset_id
            order by day asc nulls last
        ) as latest_work_at,
        max(review_at) over (
            partition by asset_id
            order by day asc nulls last
        ) as latest_review_at
    from daily
),

with_state as (
    select
        asset_id,
        state_hash,
        day,
        case
            when latest_review_at >= coalesce(latest_work_at, latest_review_at) then 'reviewed'
            when latest_work_at is not null then 'labelled'
            else 'waiting'
        end as asset_state
    from up_to_day
),

with_previous as (
    select
        *,
        lag(asset_state) over (
            partition by asset_id
            order by day asc nulls last
        ) as previous_state
    from with_state
),

asset_days as (
    select
        with_previous.asset_id,
        assets.project_id,
        with_previous.day,
        with_previous.asset_state,
        with_previous.previous_state,
        with_previous.state_hash
    from with_previous
    inner join assets
        on with_previous.asset_id = assets.asset_id
)

select * from asset_days
