with

submitted_labels as (
    select * from {{ ref('submitted_labels') }}
),

latest as (
    select
        asset_id,
        project_id,
        external_id,
        author_id,
        author_email,
        label_key,
        label_type,
        created_at,
        is_sent_back_to_queue,
        skipped,
        annotation_count,
        is_latest_label_for_user as exported_flag,
        is_latest_label_for_user = is_latest as agrees_with_export,
        label_count_of_type as label_count
    from submitted_labels
    where is_latest_of_type
)

select * from latest
