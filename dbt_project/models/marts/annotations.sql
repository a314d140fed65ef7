with

current_annotations as (
    select * from {{ ref('current_annotations') }}
),

annotations as (
    select
        annotation_key,
        label_key,
        asset_id,
        project_id,
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
        extra
    from current_annotations
)

select * from annotations
