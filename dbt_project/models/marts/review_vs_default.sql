with

review_pairs as (
    select * from {{ ref('review_pairs') }}
),

results as (
    select * from {{ ref('pair_results') }}
    where purpose = 'review'
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
        results.score,
        results.is_unchanged,
        results.kept_count,
        results.added_count,
        results.removed_count,
        results.relabelled_count,
        results.moved_count,
        results.relabelled_and_moved_count,
        results.text_changed_count
    from review_pairs
    left join results
        on
            review_pairs.default_label_key = results.left_label_key
            and review_pairs.review_label_key = results.right_label_key
)

select * from reviewed
