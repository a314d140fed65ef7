with

source as (
    select * from {{ source('kili', 'rejects') }}
),

finished as (
    select
        export_id,
        file_url,
        entry,
        location,
        asset_id,
        external_id,
        reason,
        raw,
        _dlt_load_id
    from source
    where {{ is_of_finished_load() }}
)

select * from finished
