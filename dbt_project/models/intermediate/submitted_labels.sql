{{ config(materialized='table') }}

with

labels as (
    select * from {{ ref('current_labels') }}
),

assets as (
    select * from {{ ref('current_assets') }}
),

submitted as (
    select
        labels.asset_id,
        labels.project_id,
        assets.external_id,
        labels.author_id,
        labels.author_email,
        labels.label_key,
        labels.label_type,
        labels.created_at,
        labels.is_sent_back_to_queue,
        labels.skipped,
        labels.annotation_count,
        labels.is_latest_label_for_user
    from labels
    inner join assets
        on labels.asset_id = assets.asset_id
    where
        labels.author_id is not null
        and labels.label_type != 'AUTOSAVE'
),

ranked as (
    select
        *,
        row_number() over (
            partition by asset_id, author_id
            order by created_at desc nulls last, label_key desc nulls last
        ) as recency_rank,
        row_number() over (
            partition by asset_id, author_id, label_type
            order by created_at desc nulls last, label_key desc nulls last
        ) as place_in_type,
        count(*) over (partition by asset_id, author_id) as label_count,
        count(*) over (partition by asset_id, author_id, label_type) as label_count_of_type
    from submitted
),

marked as (
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
        is_latest_label_for_user,
        recency_rank = 1 as is_latest,
        place_in_type = 1 as is_latest_of_type,
        label_count,
        label_count_of_type
    from ranked
)

select * from marked
