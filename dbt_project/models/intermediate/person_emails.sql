{{ config(materialized='table') }}

with

labels as (
    select * from {{ ref('current_labels') }}
    where
        label_type != 'AUTOSAVE'
        and author_id is not null
        and author_email != ''
),

ranked as (
    select
        author_id,
        author_email,
        row_number() over (
            partition by author_id
            order by created_at desc nulls last, label_key desc nulls last
        ) as recency_rank
    from labels
),

emails as (
    select
        author_id,
        author_email
    from ranked
    where recency_rank = 1
)

select * from emails
