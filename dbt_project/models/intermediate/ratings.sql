{{ config(materialized='table') }}

with

defaults as (
    select * from {{ ref('latest_default_labels') }}
    where coalesce(is_used_for_consensus, true)
),

label_values as (
    select * from {{ ref('label_values') }}
),

ratings as (
    select
        defaults.asset_id,
        defaults.project_id,
        defaults.external_id,
        label_values.job_name,
        defaults.author_id as annotator_id,
        defaults.label_key,
        defaults.created_at,
        label_values.label_value as rating
    from defaults
    inner join label_values
        on defaults.label_key = label_values.label_key
)

select * from ratings
