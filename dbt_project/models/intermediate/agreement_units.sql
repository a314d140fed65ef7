{{ config(materialized='table') }}

with

votes as (
    select * from {{ ref('unit_votes') }}
),

category_votes as (
    select * from {{ ref('category_votes') }}
),

sums as (
    select
        scope,
        week,
        project_id,
        job_name,
        rating,
        cast(sum(vote_count) as bigint) as vote_count,
        sum({{ share('vote_count', 'rating_count') }}) as share_sum
    from category_votes
    group by
        scope,
        week,
        project_id,
        job_name,
        rating
),

-- One relation with few rows for all scopes, so that the votes are joined once.
scope_sums as (
    select
        week_sums.project_id,
        week_sums.job_name,
        week_sums.week,
        week_sums.rating,
        week_sums.vote_count as week_vote_count,
        week_sums.share_sum as week_share_sum,
        all_sums.vote_count as all_vote_count,
        all_sums.share_sum as all_share_sum
    from sums as week_sums
    inner join sums as all_sums
        on
            week_sums.project_id is not distinct from all_sums.project_id
            and week_sums.job_name = all_sums.job_name
            and week_sums.rating = all_sums.rating
    where
        week_sums.scope = 'week'
        and all_sums.scope = 'all'
),

summed as (
    select
        votes.asset_id,
        votes.project_id,
        votes.job_name,
        votes.week,
        votes.rating_count,
        cast(sum(votes.vote_count * votes.vote_count) as bigint) as vote_square_sum,
        cast(sum(votes.vote_count * scope_sums.all_vote_count) as bigint) as all_vote_product,
        sum(votes.vote_count * scope_sums.all_share_sum) as all_share_product,
        cast(sum(votes.vote_count * scope_sums.week_vote_count) as bigint) as week_vote_product,
        sum(votes.vote_count * scope_sums.week_share_sum) as week_share_product
    from votes
    inner join scope_sums
        on
            votes.project_id is not distinct from scope_sums.project_id
            and votes.job_name = scope_sums.job_name
            and votes.week = scope_sums.week
            and votes.rating = scope_sums.rating
    group by
        votes.asset_id,
        votes.project_id,
        votes.job_name,
        votes.week,
        votes.rating_count
),

scoped as (
    select
        'all' as scope,
        cast(null as date) as week,
        project_id,
        job_name,
        asset_id,
        rating_count,
        vote_square_sum,
        all_vote_product as vote_product,
        {{ share('all_share_product', 'rating_count') }} as share_product
    from summed
    union all
    select
        'week' as scope,
        week,
        project_id,
        job_name,
        asset_id,
        rating_count,
        vote_square_sum,
        week_vote_product as vote_product,
        {{ share('week_share_product', 'rating_count') }} as share_product
    from summed
),

units as (
    select
        scope,
        week,
        project_id,
        job_name,
        asset_id,
        rating_count,
        vote_square_sum,
        {{ share('rating_count * rating_count - vote_square_sum', 'rating_count - 1') }}
            as disagreement,
        {{ share('vote_square_sum - rating_count', 'rating_count * (rating_count - 1)') }}
            as agreement_share,
        {{ share('vote_square_sum', 'rating_count * rating_count') }} as share_square_sum,
        vote_product,
        share_product
    from scoped
)

select * from units
