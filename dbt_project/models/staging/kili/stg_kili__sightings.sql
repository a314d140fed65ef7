with

source as (
    select * from {{ source('kili', 'sightings') }}
),

finished as (
    select
        export_id,
        asset_id,
        asset_version,
        _dlt_load_id
    from source
    where {{ is_of_finished_load() }}
)

select * from finished
