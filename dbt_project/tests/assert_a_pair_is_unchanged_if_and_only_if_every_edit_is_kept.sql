{{ config(meta={'dagster': {'ref': {'name': 'review_vs_default'}}}) }}

with

pairs as (
    select * from {{ ref('review_vs_default') }}
),

edits as (
    select * from {{ ref('review_edits') }}
),

changed as (
    select distinct
        review_label_key,
        default_label_key
    from edits
    where edit != 'kept'
),

wrong as (
    select pairs.*
    from pairs
    left join changed
        on
            pairs.review_label_key = changed.review_label_key
            and pairs.default_label_key = changed.default_label_key
    where pairs.is_unchanged != (changed.review_label_key is null)
)

select * from wrong
