{{ config(materialized='table') }}

with

verdicts as (
    select * from {{ ref('review_verdicts') }}
    where
        reviewer_id is not null
        and week is not null
),

emails as (
    select * from {{ ref('person_emails') }}
),

sums as (
    select
        project_id,
        reviewer_id,
        week,
        {{ reviewer_sums() }}
    from verdicts
    group by
        project_id,
        reviewer_id,
        week
),

reviewer_weeks as (
    select
        sums.project_id,
        sums.reviewer_id,
        emails.author_email as reviewer_email,
        sums.week,
        {{ reviewer_columns('sums') }}
    from sums
    left join emails
        on sums.reviewer_id = emails.author_id
)

select * from reviewer_weeks
