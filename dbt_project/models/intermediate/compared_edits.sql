with

pairs as (
    select * from {{ ref('compared_pairs') }}
),

edits as (
    select * from {{ ref('stg_comparison__edits') }}
),

compared as (
    select
        pairs.purpose,
        pairs.asset_id,
        pairs.left_label_key,
        pairs.right_label_key,
        edits.pair_key,
        edits.edit,
        edits.left_annotation_key,
        edits.right_annotation_key,
        edits.job_name,
        edits.kind,
        edits.left_category,
        edits.right_category,
        edits.iou
    from pairs
    inner join edits
        on pairs.pair_key = edits.pair_key
)

select * from compared
