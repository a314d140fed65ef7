with

review_pairs as (
    select * from {{ ref('review_pairs') }}
),

compared_pairs as (
    select * from {{ ref('compared_pairs') }}
    where purpose = 'review'
),

compared_jobs as (
    select * from {{ ref('compared_jobs') }}
    where purpose = 'review'
),

counted as (
    select
        pair_key,
        cast(sum(kept_count) as bigint) as kept_count,
        cast(sum(added_count) as bigint) as added_count,
        cast(sum(removed_count) as bigint) as removed_count,
        cast(sum(relabelled_count) as bigint) as relabelled_count,
        cast(sum(moved_count) as bigint) as moved_count,
        cast(sum(relabelled_and_moved_count) as bigint) as relabelled_and_moved_count,
        cast(sum(text_changed_count) as bigint) as text_changed_count
    from compared_jobs
    group by pair_key
),

-- A pair with nothing in either label was compared, and has no job.
compared as (
    select
        compared_pairs.left_label_key,
        compared_pairs.right_label_key,
        compared_pairs.score,
        coalesce(counted.kept_count, 0) as kept_count,
        coalesce(counted.added_count, 0) as added_count,
        coalesce(counted.removed_count, 0) as removed_count,
        coalesce(counted.relabelled_count, 0) as relabelled_count,
        coalesce(counted.moved_count, 0) as moved_count,
        coalesce(counted.relabelled_and_moved_count, 0) as relabelled_and_moved_count,
        coalesce(counted.text_changed_count, 0) as text_changed_count
    from compared_pairs
    left join counted
        on compared_pairs.pair_key = counted.pair_key
),

reviewed as (
    select
        review_pairs.asset_id,
        review_pairs.project_id,
        review_pairs.external_id,
        review_pairs.review_label_key,
        review_pairs.default_label_key,
        review_pairs.reviewer_id,
        review_pairs.annotator_id,
        review_pairs.review_created_at,
        review_pairs.default_created_at,
        review_pairs.review_round,
        review_pairs.is_latest_review,
        review_pairs.is_self_review,
        review_pairs.was_sent_back,
        compared.score,
        compared.added_count
        + compared.removed_count
        + compared.relabelled_count
        + compared.moved_count
        + compared.relabelled_and_moved_count
        + compared.text_changed_count = 0 as is_unchanged,
        compared.kept_count,
        compared.added_count,
        compared.removed_count,
        compared.relabelled_count,
        compared.moved_count,
        compared.relabelled_and_moved_count,
        compared.text_changed_count
    from review_pairs
    left join compared
        on
            review_pairs.default_label_key = compared.left_label_key
            and review_pairs.review_label_key = compared.right_label_key
)

select * from reviewed
