{{ config(materialized='table') }}

with

verdicts as (
    select * from {{ ref('review_verdicts') }}
    where reviewer_id is not null
),

strictness as (
    select * from {{ ref('reviewer_strictness') }}
),

emails as (
    select * from {{ ref('person_emails') }}
),

sums as (
    select
        project_id,
        reviewer_id,
        {{ reviewer_sums() }}
    from verdicts
    group by
        project_id,
        reviewer_id
),

reviewers as (
    select
        sums.project_id,
        sums.reviewer_id,
        emails.author_email as reviewer_email,
        {{ reviewer_columns('sums') }},
        strictness.strictness,
        strictness.strictness_low,
        strictness.strictness_high,
        case when strictness.strictness is null then 'no_other_reviewer' end as strictness_reason,
        coalesce(strictness.strictness_count, 0) as strictness_count,
        coalesce(strictness.strictness_annotator_count, 0) as strictness_annotator_count
    from sums
    left join strictness
        on
            sums.project_id is not distinct from strictness.project_id
            and sums.reviewer_id = strictness.reviewer_id
    left join emails
        on sums.reviewer_id = emails.author_id
)

select * from reviewers
