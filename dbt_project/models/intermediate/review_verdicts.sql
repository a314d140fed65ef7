{{ config(materialized='table') }}

with

labels as (
    select * from {{ ref('label_roles') }}
),

review_pairs as (
    select * from {{ ref('review_pairs') }}
),

attempts as (
    select * from {{ ref('label_attempts') }}
    where label_key is not null
),

results as (
    select * from {{ ref('pair_results') }}
),

reviews as (
    select * from labels
    where label_role = 'review'
),

workers as (
    select distinct
        asset_id,
        author_id
    from labels
    where label_role = 'work'
),

compared as (
    select * from results
    where purpose = 'review'
),

next_reviews as (
    select * from results
    where purpose = 'rereview'
),

paired as (
    select
        reviews.label_key as review_label_key,
        reviews.asset_id,
        reviews.project_id,
        reviews.author_id as reviewer_id,
        reviews.created_at,
        reviews.seconds_to_label,
        workers.author_id is not null as is_by_annotator_of_asset,
        next_reviews.is_unchanged as is_kept_by_next,
        review_pairs.default_label_key,
        review_pairs.annotator_id,
        review_pairs.default_created_at,
        coalesce(review_pairs.is_self_review, false) as is_self_review,
        review_pairs.default_label_key is not null
        and not coalesce(review_pairs.is_self_review, false) as is_judgement,
        row_number() over (
            partition by reviews.label_key
            order by review_pairs.annotator_id asc nulls last
        ) = 1 as is_first_of_review
    from reviews
    left join workers
        on
            reviews.asset_id = workers.asset_id
            and reviews.author_id = workers.author_id
    left join next_reviews
        on reviews.label_key = next_reviews.left_label_key
    left join review_pairs
        on reviews.label_key = review_pairs.review_label_key
),

verdicts as (
    select
        paired.review_label_key,
        paired.asset_id,
        paired.project_id,
        paired.reviewer_id,
        paired.created_at,
        {{ week_of('paired.created_at') }} as week,
        paired.seconds_to_label,
        paired.is_by_annotator_of_asset,
        paired.is_kept_by_next,
        paired.is_first_of_review,
        paired.default_label_key,
        paired.annotator_id,
        paired.is_self_review,
        case
            when not paired.is_judgement then null
            when
                attempts.is_sent_back_to_queue
                and attempts.last_review_label_key = paired.review_label_key
                then 'sent_back'
            when compared.is_unchanged then 'accepted'
            when not compared.is_unchanged then 'fixed'
            else 'uncompared'
        end as verdict,
        case when paired.is_judgement then attempts.is_sent_back_to_queue end as was_sent_back,
        case when paired.is_judgement then compared.score end as score,
        case when paired.is_judgement then compared.edit_count end as edit_count,
        case
            when paired.is_judgement
                then {{ hours_between('paired.default_created_at', 'paired.created_at') }}
        end as hours_to_review
    from paired
    left join attempts
        on paired.default_label_key = attempts.label_key
    left join compared
        on
            paired.default_label_key = compared.left_label_key
            and paired.review_label_key = compared.right_label_key
)

select * from verdicts
