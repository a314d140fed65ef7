{{ config(meta={'dagster': {'ref': {'name': 'label_outcomes'}}}) }}

-- Each DEFAULT label of a known author, except truths of honeypots, has one row.
with

labels as (
    select * from {{ ref('labels') }}
    where
        label_type = 'DEFAULT'
        and author_id is not null
        and not coalesce(is_honeypot, false)
),

outcomes as (
    select * from {{ ref('label_outcomes') }}
),

differences as (
    select
        labels.label_key,
        outcomes.label_key as outcome_label_key
    from labels
    full join outcomes
        on labels.label_key = outcomes.label_key
    where
        labels.label_key is null
        or outcomes.label_key is null
        or coalesce(labels.skipped, false) != (outcomes.outcome = 'skipped')
)

select * from differences
