{{ config(materialized='table') }}

with

asset_days as (
    select * from {{ ref('asset_days') }}
),

labels as (
    select * from {{ ref('label_roles') }}
    where created_at is not null
),

bounds as (
    select
        project_id,
        min(day) as first_day,
        max(day) as last_day
    from asset_days
    group by project_id
),

spine as (
    {{ day_spine('bounds', ['project_id']) }}
),

events as (
    select
        project_id,
        day,
        null as label_role,
        null as label_type,
        null as author_id,
        null as skipped,
        null as is_sent_back_to_queue,
        null as state_entered,
        null as state_left
    from spine
    union all
    select
        project_id,
        {{ day_of('created_at') }} as day,
        label_role,
        label_type,
        author_id,
        skipped,
        is_sent_back_to_queue,
        null as state_entered,
        null as state_left
    from labels
    union all
    select
        project_id,
        day,
        null as label_role,
        null as label_type,
        null as author_id,
        null as skipped,
        null as is_sent_back_to_queue,
        asset_state as state_entered,
        previous_state as state_left
    from asset_days
    where asset_state != coalesce(previous_state, '')
),

counted as (
    select
        project_id,
        day,
        count(case when label_role = 'work' then 1 end) as default_count,
        count(case when label_role = 'skip' then 1 end) as skip_count,
        count(case when label_role in ('work', 'skip') then skipped end) as skip_flag_count,
        count(case when label_role = 'review' then 1 end) as review_count,
        count(case when label_role = 'machine' and label_type = 'PREDICTION' then 1 end)
            as prediction_count,
        count(case when label_role = 'machine' and label_type = 'INFERENCE' then 1 end)
            as inference_count,
        count(case when label_role = 'work' and is_sent_back_to_queue then 1 end)
            as known_sent_back_count,
        count(case when label_role in ('work', 'skip') then is_sent_back_to_queue end)
            as sent_back_flag_count,
        count(distinct case when label_role = 'work' then author_id end) as annotator_count,
        count(distinct case when label_role = 'review' then author_id end) as reviewer_count,
        count(case when state_entered = 'waiting' then 1 end) as waiting_in_count,
        count(case when state_left = 'waiting' then 1 end) as waiting_out_count,
        count(case when state_entered = 'labelled' then 1 end) as labelled_in_count,
        count(case when state_left = 'labelled' then 1 end) as labelled_out_count,
        count(case when state_entered = 'reviewed' then 1 end) as reviewed_in_count,
        count(case when state_left = 'reviewed' then 1 end) as reviewed_out_count
    from events
    group by
        project_id,
        day
),

days as (
    select
        project_id,
        day,
        default_count,
        case when skip_flag_count > 0 then skip_count end as skipped_count,
        case when skip_flag_count = 0 then 'not_exported' end as skipped_count_reason,
        review_count,
        prediction_count,
        inference_count,
        case when sent_back_flag_count > 0 then known_sent_back_count end as sent_back_count,
        case when sent_back_flag_count = 0 then 'not_exported' end as sent_back_count_reason,
        annotator_count,
        reviewer_count,
        cast(
            sum(waiting_in_count - waiting_out_count) over (
                partition by project_id
                order by day asc nulls last
            ) as bigint
        ) as waiting_count,
        waiting_in_count,
        waiting_out_count,
        cast(
            sum(labelled_in_count - labelled_out_count) over (
                partition by project_id
                order by day asc nulls last
            ) as bigint
        ) as labelled_count,
        labelled_in_count,
        labelled_out_count,
        cast(
            sum(reviewed_in_count - reviewed_out_count) over (
                partition by project_id
                order by day asc nulls last
            ) as bigint
        ) as reviewed_count,
        reviewed_in_count,
        reviewed_out_count
    from counted
)

select * from days
