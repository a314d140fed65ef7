{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='asset_id',
        on_schema_change='fail',
    )
}}

with

labels as (
    select * from {{ ref('label_roles') }}
    where
        label_role in ('work', 'skip')
        and author_id is not null
),

review_pairs as (
    select * from {{ ref('review_pairs') }}
),

changed_assets as (
    {{ changed_assets() }}
),

ranked_reviews as (
    select
        review_pairs.default_label_key,
        review_pairs.review_label_key,
        row_number() over (
            partition by review_pairs.default_label_key
            order by review_pairs.review_round asc nulls last
        ) as place,
        row_number() over (
            partition by review_pairs.default_label_key
            order by review_pairs.review_round desc nulls last
        ) as recency_rank
    from review_pairs
    inner join changed_assets
        on review_pairs.asset_id = changed_assets.asset_id
    where not coalesce(review_pairs.is_self_review, false)
),

reviewed as (
    select
        default_label_key,
        max(case when place = 1 then review_label_key end) as first_review_label_key,
        max(case when recency_rank = 1 then review_label_key end) as last_review_label_key
    from ranked_reviews
    group by default_label_key
),

self_reviewed as (
    select distinct review_pairs.default_label_key
    from review_pairs
    inner join changed_assets
        on review_pairs.asset_id = changed_assets.asset_id
    where review_pairs.is_self_review
),

with_reviews as (
    select
        labels.label_key,
        labels.asset_id,
        labels.project_id,
        labels.external_id,
        labels.author_id as annotator_id,
        labels.label_role,
        labels.created_at,
        labels.skipped,
        labels.is_sent_back_to_queue,
        labels.annotation_count,
        labels.seconds_to_label,
        reviewed.first_review_label_key,
        reviewed.last_review_label_key,
        self_reviewed.default_label_key is not null as is_self_reviewed,
        lead(labels.label_key) over (
            partition by labels.asset_id, labels.author_id, labels.label_role
            order by labels.created_at asc nulls first, labels.label_key asc nulls last
        ) is not null as is_superseded
    from labels
    inner join changed_assets
        on labels.asset_id = changed_assets.asset_id
    left join reviewed
        on labels.label_key = reviewed.default_label_key
    left join self_reviewed
        on labels.label_key = self_reviewed.default_label_key
),

with_state as (
    select
        *,
        case
            when label_role = 'skip' then 'skipped'
            when is_sent_back_to_queue then 'sent_back'
            when last_review_label_key is not null then 'reviewed'
            when is_self_reviewed then 'self_reviewed'
            when is_superseded then 'superseded'
            else 'unreviewed'
        end as label_state
    from with_reviews
),

with_judged as (
    select
        *,
        label_state in ('sent_back', 'reviewed') as is_judged
    from with_state
),

numbered as (
    select
        *,
        row_number() over (
            partition by asset_id, annotator_id, is_judged
            order by created_at asc nulls first, label_key asc nulls last
        ) as place,
        count(*) over (partition by asset_id, annotator_id, is_judged) as label_count
    from with_judged
),

-- An asset without such a label has a row without one, which replaces its earlier rows.
attempts as (
    select
        changed_assets.asset_id,
        numbered.label_key,
        numbered.project_id,
        numbered.external_id,
        numbered.annotator_id,
        numbered.created_at,
        numbered.skipped,
        numbered.is_sent_back_to_queue,
        numbered.annotation_count,
        numbered.seconds_to_label,
        numbered.label_state,
        numbered.first_review_label_key,
        numbered.last_review_label_key,
        case when numbered.is_judged then numbered.place end as attempt_number,
        case when numbered.is_judged then numbered.label_count end as attempt_count,
        changed_assets.state_hash
    from changed_assets
    left join numbered
        on changed_assets.asset_id = numbered.asset_id
)

select * from attempts
