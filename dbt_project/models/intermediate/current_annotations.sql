with

annotations as (
    select * from {{ ref('stg_kili__annotations') }}
),

labels as (
    select * from {{ ref('current_labels') }}
),

current_annotations as (
    select
        annotations.annotation_key,
        labels.label_key,
        annotations.label_key as response_label_key,
        annotations.response_hash,
        annotations.flatten_version,
        annotations.asset_id,
        labels.project_id,
        annotations.parent_annotation_key,
        annotations.job_name,
        annotations.kind,
        annotations.tool,
        annotations.mid,
        annotations.category,
        annotations.confidence,
        annotations.text,
        annotations.begin_offset,
        annotations.end_offset,
        annotations.frame,
        annotations.is_key_frame,
        annotations.page_number,
        annotations.x_min,
        annotations.y_min,
        annotations.x_max,
        annotations.y_max,
        annotations.geometry,
        annotations.start_mids,
        annotations.end_mids,
        annotations.extra
    from annotations
    inner join labels
        on
            annotations.label_key = labels.response_label_key
            and annotations.response_hash = labels.response_hash
            and annotations.flatten_version = labels.flatten_version
)

select * from current_annotations
