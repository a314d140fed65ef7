{{ config(materialized='table') }}

with

attempts as (
    select * from {{ ref('label_attempts') }}
    where label_key is not null
),

labels as (
    select * from {{ ref('label_roles') }}
),

results as (
    select * from {{ ref('pair_results') }}
),

reviews as (
    select * from results
    where purpose = 'review'
),

honeypots as (
    select * from results
    where purpose = 'honeypot'
),

predictions as (
    select results.*
    from results
    inner join labels
        on results.left_label_key = labels.label_key
    where
        results.purpose = 'prediction'
        and labels.label_type = 'PREDICTION'
),

consensus_labels as (
    select
        asset_id,
        left_label_key as label_key,
        score
    from results
    where purpose = 'consensus'
    union all
    select
        asset_id,
        right_label_key as label_key,
        score
    from results
    where purpose = 'consensus'
),

agreements as (
    select
        label_key,
        avg(score) as score
    from consensus_labels
    group by label_key
),

-- Each pair occurs twice, once for each of its labels, which does not change the mean.
consensuses as (
    select
        asset_id,
        avg(score) as score
    from consensus_labels
    group by asset_id
),

label_results as (
    select
        attempts.label_key,
        attempts.asset_id,
        attempts.project_id,
        attempts.external_id,
        attempts.annotator_id,
        attempts.created_at,
        {{ week_of('attempts.created_at') }} as week,
        attempts.skipped,
        attempts.is_sent_back_to_queue,
        case
            when attempts.label_state != 'reviewed' then attempts.label_state
            when last_reviews.is_unchanged then 'accepted'
            when not last_reviews.is_unchanged then 'fixed'
            else 'uncompared'
        end as outcome,
        attempts.attempt_number,
        attempts.attempt_count,
        attempts.first_review_label_key,
        attempts.last_review_label_key,
        first_reviews.is_unchanged as first_review_is_unchanged,
        last_reviews.score as review_score,
        last_reviews.edit_count,
        agreements.score as agreement_score,
        case when agreements.score is not null then consensuses.score end as consensus_score,
        honeypots.score as honeypot_score,
        predictions.score as prediction_score,
        attempts.seconds_to_label,
        attempts.annotation_count,
        attempts.label_state != 'skipped' as is_work
    from attempts
    left join reviews as first_reviews
        on
            attempts.label_key = first_reviews.left_label_key
            and attempts.first_review_label_key = first_reviews.right_label_key
    left join reviews as last_reviews
        on
            attempts.label_key = last_reviews.left_label_key
            and attempts.last_review_label_key = last_reviews.right_label_key
    left join agreements
        on attempts.label_key = agreements.label_key
    left join consensuses
        on attempts.asset_id = consensuses.asset_id
    left join honeypots
        on attempts.label_key = honeypots.left_label_key
    left join predictions
        on attempts.label_key = predictions.right_label_key
)

select * from label_results
