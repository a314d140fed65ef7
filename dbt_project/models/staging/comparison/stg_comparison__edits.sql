with

source as (
    select * from {{ source('comparison', 'edits') }}
),

finished as (
    select
        pair_key,
        edit,
        left_annotation_key,
        right_annotation_key,
        job_name,
        kind,
        left_category,
        right_category,
        iou,
        _dlt_load_id
    from source
    where {{ is_of_finished_load('comparison') }}
)

select * from finished
