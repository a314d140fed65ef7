with

source as (
    select * from {{ source('comparison', 'jobs') }}
),

finished as (
    select
        pair_key,
        job_name,
        kind,
        score,
        score_method,
        weight,
        left_annotation_count,
        right_annotation_count,
        kept_count,
        added_count,
        removed_count,
        relabelled_count,
        moved_count,
        relabelled_and_moved_count,
        text_changed_count,
        _dlt_load_id
    from source
    where {{ is_of_finished_load('comparison') }}
)

select * from finished
