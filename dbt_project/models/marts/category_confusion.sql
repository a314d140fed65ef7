with

review_pairs as (
    select * from {{ ref('review_pairs') }}
    where
        is_latest_review
        and not coalesce(is_self_review, false)
),

edits as (
    select * from {{ ref('compared_edits') }}
    where
        purpose = 'review'
        and (
            (edit = 'added' and right_category is not null)
            or (edit = 'removed' and left_category is not null)
            or (left_category is not null and right_category is not null)
        )
),

confusion as (
    select
        review_pairs.project_id,
        edits.job_name,
        edits.left_category as default_category,
        edits.right_category as review_category,
        count(*) as pair_count
    from review_pairs
    inner join edits
        on
            review_pairs.default_label_key = edits.left_label_key
            and review_pairs.review_label_key = edits.right_label_key
    group by
        review_pairs.project_id,
        edits.job_name,
        edits.left_category,
        edits.right_category
)

select * from confusion
