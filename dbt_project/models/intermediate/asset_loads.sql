with

sightings as (
    select * from {{ ref('stg_kili__sightings') }}
),

annotations as (
    select * from {{ ref('stg_kili__annotations') }}
),

-- A newer flattening writes annotations of assets that no new export has shown.
touches as (
    select
        asset_id,
        _dlt_load_id
    from sightings
    union
    select
        asset_id,
        _dlt_load_id
    from annotations
),

counted as (
    select
        asset_id,
        count(*) as load_count
    from touches
    group by asset_id
)

select * from counted
