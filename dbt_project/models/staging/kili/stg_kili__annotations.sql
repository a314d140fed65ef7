with

source as (
    select * from {{ source('kili', 'annotations') }}
),

finished as (
    select
        annotation_key,
        label_key,
        response_hash,
        flatten_version,
        asset_id,
        parent_annotation_key,
        job_name,
        kind,
        tool,
        mid,
        category,
        confidence,
        text,
        begin_offset,
        end_offset,
        frame,
        is_key_frame,
        page_number,
        x_min,
        y_min,
        x_max,
        y_max,
        geometry,
        start_mids,
        end_mids,
        extra,
        _dlt_load_id
    from source
    where {{ is_of_finished_load() }}
)

select * from finished
