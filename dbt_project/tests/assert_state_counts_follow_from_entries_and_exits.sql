{{ config(meta={'dagster': {'ref': {'name': 'days'}}}) }}

-- Each count is that of the day before plus entries minus exits. No day is missing.
with

days as (
    select * from {{ ref('days') }}
),

with_previous as (
    select
        *,
        lag(day) over (partition by project_id order by day asc nulls last) as previous_day,
        lag(waiting_count, 1, 0) over (partition by project_id order by day asc nulls last)
            as previous_waiting_count,
        lag(labelled_count, 1, 0) over (partition by project_id order by day asc nulls last)
            as previous_labelled_count,
        lag(reviewed_count, 1, 0) over (partition by project_id order by day asc nulls last)
            as previous_reviewed_count
    from days
),

wrong as (
    select *
    from with_previous
    where
        waiting_count != previous_waiting_count + waiting_in_count - waiting_out_count
        or labelled_count != previous_labelled_count + labelled_in_count - labelled_out_count
        or reviewed_count != previous_reviewed_count + reviewed_in_count - reviewed_out_count
        or least(waiting_count, labelled_count, reviewed_count) < 0
        or {{ dbt.datediff('previous_day', 'day', 'day') }} != 1
)

select * from wrong
