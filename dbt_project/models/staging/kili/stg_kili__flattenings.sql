with

source as (
    select * from {{ source('kili', 'flattenings') }}
),

finished as (
    select
        label_key,
        response_hash,
        flatten_version,
        asset_id,
        annotation_count,
        job_names,
        _dlt_load_id
    from source
    where {{ is_of_finished_load() }}
)

select * from finished
