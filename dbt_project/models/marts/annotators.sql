{{ config(materialized='table') }}

with

labels as (
    select * from {{ ref('label_results') }}
),

emails as (
    select * from {{ ref('person_emails') }}
),

sums as (
    select
        project_id,
        annotator_id,
        {{ annotator_sums() }}
    from labels
    group by
        project_id,
        annotator_id
),

annotators as (
    select
        sums.project_id,
        sums.annotator_id,
        emails.author_email as annotator_email,
        {{ annotator_columns('sums') }}
    from sums
    left join emails
        on sums.annotator_id = emails.author_id
)

select * from annotators
