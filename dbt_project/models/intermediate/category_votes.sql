with

votes as (
    select * from {{ ref('unit_votes') }}
),

weekly as (
    select
        project_id,
        job_name,
        week,
        rating,
        rating_count,
        cast(sum(vote_count) as bigint) as vote_count
    from votes
    group by
        project_id,
        job_name,
        week,
        rating,
        rating_count
),

scoped as (
    select
        'all' as scope,
        cast(null as date) as week,
        project_id,
        job_name,
        rating,
        rating_count,
        cast(sum(vote_count) as bigint) as vote_count
    from weekly
    group by
        project_id,
        job_name,
        rating,
        rating_count
    union all
    select
        'week' as scope,
        week,
        project_id,
        job_name,
        rating,
        rating_count,
        vote_count
    from weekly
)

select * from scoped
