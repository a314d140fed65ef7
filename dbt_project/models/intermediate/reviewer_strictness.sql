with

verdicts as (
    select * from {{ ref('review_verdicts') }}
    where
        reviewer_id is not null
        and verdict in ('accepted', 'fixed', 'sent_back')
),

own as (
    select
        project_id,
        reviewer_id,
        annotator_id,
        count(*) as judged_count,
        count(case when verdict != 'accepted' then 1 end) as changed_count
    from verdicts
    group by
        project_id,
        reviewer_id,
        annotator_id
),

totals as (
    select
        *,
        sum(judged_count) over (partition by project_id, annotator_id) as total_judged_count,
        sum(changed_count) over (partition by project_id, annotator_id) as total_changed_count
    from own
),

others as (
    select
        project_id,
        reviewer_id,
        judged_count,
        changed_count,
        total_judged_count - judged_count as other_judged_count,
        total_changed_count - changed_count as other_changed_count
    from totals
    where total_judged_count > judged_count
),

shares as (
    select
        project_id,
        reviewer_id,
        judged_count,
        {{ share('changed_count', 'judged_count') }} as own_share,
        {{ wilson_low('changed_count', 'judged_count') }} as own_low,
        {{ wilson_high('changed_count', 'judged_count') }} as own_high,
        {{ share('other_changed_count', 'other_judged_count') }} as other_share,
        {{ wilson_low('other_changed_count', 'other_judged_count') }} as other_low,
        {{ wilson_high('other_changed_count', 'other_judged_count') }} as other_high
    from others
),

summed as (
    select
        project_id,
        reviewer_id,
        cast(sum(judged_count) as bigint) as strictness_count,
        count(*) as strictness_annotator_count,
        sum(judged_count * (own_share - other_share)) as difference,
        sqrt(
            sum(
                judged_count * judged_count * (
                    (own_share - own_low) * (own_share - own_low)
                    + (other_high - other_share) * (other_high - other_share)
                )
            )
        ) as margin_below,
        sqrt(
            sum(
                judged_count * judged_count * (
                    (own_high - own_share) * (own_high - own_share)
                    + (other_share - other_low) * (other_share - other_low)
                )
            )
        ) as margin_above
    from shares
    group by
        project_id,
        reviewer_id
),

strictness as (
    select
        project_id,
        reviewer_id,
        strictness_count,
        strictness_annotator_count,
        difference / strictness_count as strictness,
        (difference - margin_below) / strictness_count as strictness_low,
        (difference + margin_above) / strictness_count as strictness_high
    from summed
)

select * from strictness
