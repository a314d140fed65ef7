{{ config(meta={'dagster': {'ref': {'name': 'annotators'}}}) }}

-- An annotator's counts are the counts of their labels in `label_outcomes`.
with

annotators as (
    select
        project_id,
        annotator_id,
        label_count,
        annotation_count,
        coalesce(skipped_count, 0) as skipped_count,
        accepted_count,
        fixed_count,
        coalesce(sent_back_count, 0) as sent_back_count,
        uncompared_count,
        self_reviewed_count,
        superseded_count,
        unreviewed_count,
        reviewed_count,
        scored_count
    from {{ ref('annotators') }}
),

outcomes as (
    select * from {{ ref('label_outcomes') }}
),

summed as (
    select
        project_id,
        annotator_id,
        count(case when outcome != 'skipped' then 1 end) as label_count,
        cast(
            coalesce(sum(case when outcome != 'skipped' then annotation_count end), 0) as bigint
        ) as annotation_count,
        count(case when outcome = 'skipped' then 1 end) as skipped_count,
        count(case when outcome = 'accepted' then 1 end) as accepted_count,
        count(case when outcome = 'fixed' then 1 end) as fixed_count,
        count(case when outcome = 'sent_back' then 1 end) as sent_back_count,
        count(case when outcome = 'uncompared' then 1 end) as uncompared_count,
        count(case when outcome = 'self_reviewed' then 1 end) as self_reviewed_count,
        count(case when outcome = 'superseded' then 1 end) as superseded_count,
        count(case when outcome = 'unreviewed' then 1 end) as unreviewed_count,
        count(case when outcome in ('accepted', 'fixed', 'sent_back') then 1 end) as reviewed_count,
        count(review_score) as scored_count
    from outcomes
    group by
        project_id,
        annotator_id
),

differences as (
    (
        select * from annotators
        except
        select * from summed
    )
    union all
    (
        select * from summed
        except
        select * from annotators
    )
)

select * from differences
