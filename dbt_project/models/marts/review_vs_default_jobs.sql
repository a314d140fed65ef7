with

compared_jobs as (
    select * from {{ ref('compared_jobs') }}
    where purpose = 'review'
),

jobs as (
    select
        asset_id,
        right_label_key as review_label_key,
        left_label_key as default_label_key,
        job_name,
        kind,
        score,
        score_method,
        weight,
        left_annotation_count as default_annotation_count,
        right_annotation_count as review_annotation_count,
        kept_count,
        added_count,
        removed_count,
        relabelled_count,
        moved_count,
        relabelled_and_moved_count,
        text_changed_count
    from compared_jobs
)

select * from jobs
