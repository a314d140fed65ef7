with

compared_edits as (
    select * from {{ ref('compared_edits') }}
    where purpose = 'review'
),

edits as (
    select
        asset_id,
        right_label_key as review_label_key,
        left_label_key as default_label_key,
        edit,
        left_annotation_key as default_annotation_key,
        right_annotation_key as review_annotation_key,
        job_name,
        kind,
        left_category as default_category,
        right_category as review_category,
        iou
    from compared_edits
)

select * from edits
