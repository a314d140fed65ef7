{{ config(materialized='table') }}

with

ratings as (
    select * from {{ ref('ratings') }}
),

votes as (
    select
        asset_id,
        project_id,
        external_id,
        job_name,
        rating,
        count(*) as vote_count,
        max(created_at) as newest_label_at
    from ratings
    group by
        asset_id,
        project_id,
        external_id,
        job_name,
        rating
),

counted as (
    select
        *,
        cast(sum(vote_count) over (partition by asset_id, job_name) as bigint) as rating_count,
        max(vote_count) over (partition by asset_id, job_name) as most_vote_count,
        max(newest_label_at) over (partition by asset_id, job_name) as unit_newest_label_at
    from votes
),

unit_votes as (
    select
        asset_id,
        project_id,
        external_id,
        job_name,
        rating,
        vote_count,
        rating_count,
        vote_count = most_vote_count as has_most_votes,
        {{ week_of('unit_newest_label_at') }} as week
    from counted
    where rating_count >= 2
)

select * from unit_votes
