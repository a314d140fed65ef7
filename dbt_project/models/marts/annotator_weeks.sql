{{ config(materialized='table') }}

with

labels as (
    select * from {{ ref('label_results') }}
    where week is not null
),

emails as (
    select * from {{ ref('person_emails') }}
),

sums as (
    select
        project_id,
        annotator_id,
        week,
        {{ annotator_sums() }}
    from labels
    group by
        project_id,
        annotator_id,
        week
),

annotator_weeks as (
    select
        sums.project_id,
        sums.annotator_id,
        emails.author_email as annotator_email,
        sums.week,
        {{ annotator_columns('sums') }}
    from sums
    left join emails
        on sums.annotator_id = emails.author_id
)

select * from annotator_weeks
