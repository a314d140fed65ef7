with

ratings as (
    select * from {{ ref('ratings') }}
),

units as (
    select * from {{ ref('units') }}
),

agreement_units as (
    select * from {{ ref('agreement_units') }}
),

category_votes as (
    select * from {{ ref('category_votes') }}
),

-- A job without units also has a row of scope `all`.
scopes as (
    select distinct
        'all' as scope,
        cast(null as date) as week,
        project_id,
        job_name
    from ratings
    union all
    select distinct
        'week' as scope,
        week,
        project_id,
        job_name
    from units
),

annotator_weeks as (
    select distinct
        units.week,
        units.project_id,
        units.job_name,
        ratings.annotator_id
    from units
    inner join ratings
        on
            units.asset_id = ratings.asset_id
            and units.job_name = ratings.job_name
),

annotator_counts as (
    select
        'all' as scope,
        cast(null as date) as week,
        project_id,
        job_name,
        count(distinct annotator_id) as annotator_count
    from annotator_weeks
    group by
        project_id,
        job_name
    union all
    select
        'week' as scope,
        week,
        project_id,
        job_name,
        count(*) as annotator_count
    from annotator_weeks
    group by
        week,
        project_id,
        job_name
),

unit_sizes as (
    select
        scope,
        week,
        project_id,
        job_name,
        rating_count,
        count(*) as unit_count,
        sum(disagreement) as disagreement_sum,
        sum(agreement_share) as agreement_sum,
        cast(sum(vote_product) as bigint) as vote_product_sum,
        sum(share_product) as share_product_sum
    from agreement_units
    group by
        scope,
        week,
        project_id,
        job_name,
        rating_count
),

ranked_sizes as (
    select
        *,
        row_number() over (
            partition by scope, week, project_id, job_name
            order by unit_count desc nulls last, rating_count desc nulls last
        ) as size_rank
    from unit_sizes
),

sums as (
    select
        scope,
        week,
        project_id,
        job_name,
        cast(sum(unit_count) as bigint) as unit_count,
        cast(sum(unit_count * rating_count) as bigint) as rating_count,
        sum(disagreement_sum) as disagreement_sum,
        sum(agreement_sum) as agreement_sum,
        cast(sum(vote_product_sum) as bigint) as category_square_sum,
        sum(share_product_sum) as share_square_sum,
        max(case when size_rank = 1 then rating_count end) as fleiss_rating_count,
        max(case when size_rank = 1 then unit_count end) as fleiss_unit_count,
        max(case when size_rank = 1 then agreement_sum end) as fleiss_agreement_sum
    from ranked_sizes
    group by
        scope,
        week,
        project_id,
        job_name
),

categories as (
    select
        sums.scope,
        sums.week,
        sums.project_id,
        sums.job_name,
        category_votes.rating,
        cast(
            sum(
                case
                    when category_votes.rating_count = sums.fleiss_rating_count
                        then category_votes.vote_count
                end
            ) as bigint
        ) as fleiss_vote_count
    from sums
    inner join category_votes
        on {{ is_same_scope('sums', 'category_votes') }}
    group by
        sums.scope,
        sums.week,
        sums.project_id,
        sums.job_name,
        category_votes.rating
),

category_counts as (
    select
        scope,
        week,
        project_id,
        job_name,
        count(*) as category_count,
        count(fleiss_vote_count) as fleiss_category_count,
        cast(sum(fleiss_vote_count * fleiss_vote_count) as bigint) as fleiss_square_sum
    from categories
    group by
        scope,
        week,
        project_id,
        job_name
),

counted as (
    select
        scopes.scope,
        scopes.week,
        scopes.project_id,
        scopes.job_name,
        coalesce(sums.unit_count, 0) as unit_count,
        coalesce(sums.rating_count, 0) as rating_count,
        coalesce(annotator_counts.annotator_count, 0) as annotator_count,
        coalesce(category_counts.category_count, 0) as category_count,
        sums.disagreement_sum,
        sums.agreement_sum,
        sums.category_square_sum,
        sums.share_square_sum,
        coalesce(sums.fleiss_rating_count, 0) as fleiss_rating_count,
        coalesce(sums.fleiss_unit_count, 0) as fleiss_unit_count,
        coalesce(category_counts.fleiss_category_count, 0) as fleiss_category_count,
        sums.fleiss_agreement_sum,
        category_counts.fleiss_square_sum
    from scopes
    left join sums
        on {{ is_same_scope('scopes', 'sums') }}
    left join annotator_counts
        on {{ is_same_scope('scopes', 'annotator_counts') }}
    left join category_counts
        on {{ is_same_scope('scopes', 'category_counts') }}
),

chances as (
    select
        *,
        {{ share('agreement_sum', 'unit_count') }} as agreement_share,
        (
            1 - {{ share('share_square_sum', 'unit_count * unit_count') }}
        ) / nullif(category_count - 1, 0) as ac1_chance,
        {{ share('fleiss_agreement_sum', 'fleiss_unit_count') }} as fleiss_agreement,
        case
            when fleiss_category_count > 1
                then {{
                    share(
                        'fleiss_square_sum',
                        'fleiss_unit_count * fleiss_unit_count'
                        ' * fleiss_rating_count * fleiss_rating_count',
                    )
                }}
        end as fleiss_chance
    from counted
),

-- A coefficient is null if all ratings are the same: chance agreement is 1.
coefficients as (
    select
        *,
        1 - {{
            share(
                '(rating_count - 1) * disagreement_sum',
                'rating_count * rating_count - category_square_sum',
            )
        }} as alpha,
        (fleiss_agreement - fleiss_chance) / (1 - fleiss_chance) as fleiss_kappa,
        (agreement_share - ac1_chance) / (1 - ac1_chance) as ac1
    from chances
)

select * from coefficients
