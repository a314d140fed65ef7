with

source as (
    select * from {{ source('kili', 'sightings') }}
),

finished as (
    select
        export_id,
        asset_id,
        asset_version,
        record_hash,
        _dlt_load_id
    from source
    where
        {{ is_of_finished_load() }}
        and {{ is_of_asset_in_range() }}
)

select * from finished
