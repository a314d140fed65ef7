{{ config(meta={'dagster': {'ref': {'name': 'review_edits'}}}) }}

-- All edits except `added` are the annotations of the DEFAULT label, each once. All edits except
-- `removed` are the annotations of the REVIEW label.
with

pairs as (
    select * from {{ ref('review_vs_default') }}
    where kept_count is not null
),

annotations as (
    select * from {{ ref('annotations') }}
),

edits as (
    select * from {{ ref('review_edits') }}
),

expected as (
    select
        pairs.default_label_key,
        pairs.review_label_key,
        annotations.annotation_key,
        false as is_of_review
    from pairs
    inner join annotations
        on pairs.default_label_key = annotations.label_key
    union all
    select
        pairs.default_label_key,
        pairs.review_label_key,
        annotations.annotation_key,
        true as is_of_review
    from pairs
    inner join annotations
        on pairs.review_label_key = annotations.label_key
),

told as (
    select
        default_label_key,
        review_label_key,
        default_annotation_key as annotation_key,
        false as is_of_review
    from edits
    where edit != 'added'
    union all
    select
        default_label_key,
        review_label_key,
        review_annotation_key as annotation_key,
        true as is_of_review
    from edits
    where edit != 'removed'
),

counted as (
    select *, 1 as times from expected
    union all
    select *, -1 as times from told
),

differences as (
    select
        default_label_key,
        review_label_key,
        annotation_key,
        is_of_review
    from counted
    group by default_label_key, review_label_key, annotation_key, is_of_review
    having sum(times) != 0
)

select * from differences
