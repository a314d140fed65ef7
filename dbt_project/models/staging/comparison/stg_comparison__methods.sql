with

source as (
    select * from {{ source('comparison', 'methods') }}
),

finished as (
    select
        method_version,
        relabel_iou,
        key_frames_only,
        _dlt_load_id
    from source
    where {{ is_of_finished_load('comparison') }}
)

select * from finished
