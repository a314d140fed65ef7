with

assets as (
    select * from {{ ref('current_assets') }}
),

labels as (
    select * from {{ ref('current_labels') }}
),

pairs as (
    select * from {{ ref('compared_pairs') }}
),

review_pairs as (
    select * from {{ ref('review_pairs') }}
),

-- The last review of a label counts.
last_reviews as (
    select
        default_label_key,
        max_by(review_label_key, review_round) as review_label_key
    from review_pairs
    group by default_label_key
),

label_scores as (
    select
        'honeypot_mark' as mark,
        left_label_key as label_key,
        score
    from pairs
    where purpose = 'honeypot'
    union all
    select
        'consensus_mark' as mark,
        left_label_key as label_key,
        score
    from pairs
    where purpose = 'consensus'
    union all
    select
        'consensus_mark' as mark,
        right_label_key as label_key,
        score
    from pairs
    where purpose = 'consensus'
    union all
    select
        'review_score' as mark,
        right_label_key as label_key,
        score
    from pairs
    where purpose = 'review'
    union all
    select
        'review_score' as mark,
        pairs.left_label_key as label_key,
        pairs.score
    from pairs
    inner join last_reviews
        on
            pairs.left_label_key = last_reviews.default_label_key
            and pairs.right_label_key = last_reviews.review_label_key
    where pairs.purpose = 'review'
),

asset_scores as (
    select
        case when purpose = 'honeypot' then 'honeypot_mark' else 'consensus_mark' end as mark,
        asset_id,
        score
    from pairs
    where purpose in ('honeypot', 'consensus')
),

mean_label_scores as (
    select
        mark,
        label_key,
        avg(score) as score,
        count(score) as pair_count
    from label_scores
    group by
        mark,
        label_key
),

mean_asset_scores as (
    select
        mark,
        asset_id,
        avg(score) as score,
        count(score) as pair_count
    from asset_scores
    group by
        mark,
        asset_id
),

label_marks as (
    select 'honeypot_mark' as mark, label_key, honeypot_mark as kili_score from labels
    union all
    select 'consensus_mark' as mark, label_key, consensus_mark as kili_score from labels
    union all
    select 'review_score' as mark, label_key, review_score as kili_score from labels
),

asset_marks as (
    select 'honeypot_mark' as mark, asset_id, honeypot_mark as kili_score from assets
    union all
    select 'consensus_mark' as mark, asset_id, consensus_mark as kili_score from assets
),

both_scores as (
    select
        label_marks.mark,
        labels.asset_id,
        label_marks.label_key,
        label_marks.kili_score,
        mean_label_scores.score,
        coalesce(mean_label_scores.pair_count, 0) as pair_count
    from label_marks
    inner join labels
        on label_marks.label_key = labels.label_key
    left join mean_label_scores
        on
            label_marks.mark = mean_label_scores.mark
            and label_marks.label_key = mean_label_scores.label_key
    where label_marks.kili_score is not null
    union all
    select
        asset_marks.mark,
        asset_marks.asset_id,
        null as label_key,
        asset_marks.kili_score,
        mean_asset_scores.score,
        coalesce(mean_asset_scores.pair_count, 0) as pair_count
    from asset_marks
    left join mean_asset_scores
        on
            asset_marks.mark = mean_asset_scores.mark
            and asset_marks.asset_id = mean_asset_scores.asset_id
    where asset_marks.kili_score is not null
),

reconciled as (
    select
        both_scores.mark,
        both_scores.asset_id,
        assets.project_id,
        assets.external_id,
        both_scores.label_key,
        both_scores.kili_score,
        both_scores.score,
        both_scores.score - both_scores.kili_score as difference,
        both_scores.pair_count
    from both_scores
    inner join assets
        on both_scores.asset_id = assets.asset_id
)

select * from reconciled
