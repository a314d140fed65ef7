with

sightings as (
    select * from {{ ref('asset_sightings') }}
),

seen as (
    select
        asset_id,
        asset_version,
        min(as_of) as first_seen_as_of,
        max(as_of) as last_seen_as_of
    from sightings
    group by
        asset_id,
        asset_version
),

ranked as (
    select
        asset_id,
        asset_version,
        first_seen_as_of,
        last_seen_as_of,
        row_number() over (
            partition by asset_id
            order by last_seen_as_of asc nulls first, asset_version asc nulls last
        ) as recency
    from seen
)

select * from ranked
