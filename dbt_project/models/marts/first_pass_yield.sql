{{ config(materialized='table') }}

with

attempts as (
    select * from {{ ref('label_results') }}
    where attempt_number is not null
),

emails as (
    select * from {{ ref('person_emails') }}
),

marked as (
    select
        *,
        attempt_number = 1 as is_first,
        case
            when outcome = 'sent_back' then 'sent_back'
            when first_review_is_unchanged then 'passed'
            when not first_review_is_unchanged then 'fixed'
            else 'uncompared'
        end as first_verdict,
        attempt_number = 2 and outcome = 'accepted' as is_accepted_second,
        attempt_number = attempt_count and outcome in ('accepted', 'fixed') as is_settled_last
    from attempts
),

units as (
    select
        project_id,
        asset_id,
        annotator_id,
        attempt_count,
        max(case when is_first then week end) as week,
        max(case when is_first then first_verdict end) as first_verdict,
        count(case when is_first then is_sent_back_to_queue end) as flag_count,
        count(case when is_accepted_second then 1 end) as accepted_at_second_count,
        count(case when is_settled_last then 1 end) as settled_count
    from marked
    group by
        project_id,
        asset_id,
        annotator_id,
        attempt_count
),

sums as (
    select
        project_id,
        annotator_id,
        week,
        count(case when first_verdict = 'passed' then 1 end) as passed_count,
        count(case when first_verdict = 'fixed' then 1 end) as fixed_count,
        case
            when sum(flag_count) > 0 then count(case when first_verdict = 'sent_back' then 1 end)
        end as sent_back_count,
        count(case when first_verdict = 'uncompared' then 1 end) as uncompared_count,
        count(case when first_verdict != 'uncompared' then 1 end) as judged_count,
        count(case when attempt_count >= 2 then 1 end) as reworked_count,
        cast(sum(accepted_at_second_count) as bigint) as accepted_at_second_count,
        cast(sum(settled_count) as bigint) as settled_count,
        avg(case when settled_count > 0 then attempt_count end) as attempts_per_settled
    from units
    where week is not null
    group by
        project_id,
        annotator_id,
        week
),

first_pass_yield as (
    select
        sums.project_id,
        sums.annotator_id,
        emails.author_email as annotator_email,
        sums.week,
        sums.passed_count,
        sums.fixed_count,
        sums.sent_back_count,
        case when sums.sent_back_count is null then 'not_exported' end as sent_back_count_reason,
        sums.uncompared_count,
        sums.judged_count,
        {{ share('sums.passed_count', 'sums.judged_count') }} as first_pass_share,
        {{ wilson_low('sums.passed_count', 'sums.judged_count') }} as first_pass_share_low,
        {{ wilson_high('sums.passed_count', 'sums.judged_count') }} as first_pass_share_high,
        case when sums.judged_count = 0 then 'nothing_reviewed' end as first_pass_share_reason,
        sums.reworked_count,
        sums.accepted_at_second_count,
        sums.settled_count,
        sums.attempts_per_settled,
        case when sums.settled_count = 0 then 'nothing_reviewed' end as attempts_per_settled_reason
    from sums
    left join emails
        on sums.annotator_id = emails.author_id
)

select * from first_pass_yield
