{{ config(materialized='table') }}

with

pairs as (
    select * from {{ ref('consensus_pairs') }}
),

compared_pairs as (
    select * from {{ ref('compared_pairs') }}
    where purpose = 'consensus'
),

compared_jobs as (
    select * from {{ ref('compared_jobs') }}
    where purpose = 'consensus'
),

ratings as (
    select * from {{ ref('ratings') }}
),

rated_jobs as (
    select distinct
        project_id,
        job_name
    from ratings
),

scores as (
    select
        pairs.project_id,
        cast(null as {{ dbt.type_string() }}) as job_name,
        pairs.one_annotator_id,
        pairs.other_annotator_id,
        compared_pairs.score
    from pairs
    left join compared_pairs
        on
            pairs.one_label_key = compared_pairs.left_label_key
            and pairs.other_label_key = compared_pairs.right_label_key
    union all
    select
        pairs.project_id,
        compared_jobs.job_name,
        pairs.one_annotator_id,
        pairs.other_annotator_id,
        compared_jobs.score
    from pairs
    inner join compared_jobs
        on
            pairs.one_label_key = compared_jobs.left_label_key
            and pairs.other_label_key = compared_jobs.right_label_key
),

-- Pairs are ordered by label key, so the order of the annotators varies by asset.
ordered_scores as (
    select
        project_id,
        job_name,
        case
            when one_annotator_id < other_annotator_id then one_annotator_id
            else other_annotator_id
        end as annotator_id,
        case
            when one_annotator_id < other_annotator_id then other_annotator_id
            else one_annotator_id
        end as other_annotator_id,
        score
    from scores
),

mean_scores as (
    select
        project_id,
        job_name,
        annotator_id,
        other_annotator_id,
        count(*) as asset_count,
        count(score) as scored_count,
        avg(score) as mean_score
    from ordered_scores
    group by
        project_id,
        job_name,
        annotator_id,
        other_annotator_id
),

rating_pairs as (
    select
        one.project_id,
        one.job_name,
        one.annotator_id,
        other.annotator_id as other_annotator_id,
        one.rating,
        other.rating as other_rating,
        count(*) as rating_count
    from ratings as one
    inner join ratings as other
        on
            one.asset_id = other.asset_id
            and one.job_name = other.job_name
            and one.annotator_id < other.annotator_id
    group by
        one.project_id,
        one.job_name,
        one.annotator_id,
        other.annotator_id,
        one.rating,
        other.rating
),

sides as (
    select
        project_id,
        job_name,
        annotator_id,
        other_annotator_id,
        rating,
        rating_count,
        0 as other_rating_count,
        case when rating = other_rating then rating_count else 0 end as match_count
    from rating_pairs
    union all
    select
        project_id,
        job_name,
        annotator_id,
        other_annotator_id,
        other_rating as rating,
        0 as rating_count,
        rating_count as other_rating_count,
        0 as match_count
    from rating_pairs
),

by_rating as (
    select
        project_id,
        job_name,
        annotator_id,
        other_annotator_id,
        cast(sum(rating_count) as bigint) as rating_count,
        cast(sum(other_rating_count) as bigint) as other_rating_count,
        cast(sum(match_count) as bigint) as match_count
    from sides
    group by
        project_id,
        job_name,
        annotator_id,
        other_annotator_id,
        rating
),

matches as (
    select
        project_id,
        job_name,
        annotator_id,
        other_annotator_id,
        cast(sum(rating_count) as bigint) as rating_count,
        cast(sum(match_count) as bigint) as match_count,
        cast(sum(rating_count * other_rating_count) as bigint) as chance_count
    from by_rating
    group by
        project_id,
        job_name,
        annotator_id,
        other_annotator_id
),

joined as (
    select
        mean_scores.project_id,
        mean_scores.job_name,
        mean_scores.annotator_id,
        mean_scores.other_annotator_id,
        mean_scores.asset_count,
        mean_scores.scored_count,
        mean_scores.mean_score,
        coalesce(matches.rating_count, 0) as rating_count,
        matches.match_count,
        matches.chance_count,
        case
            when mean_scores.job_name is null then 'whole_label'
            when rated_jobs.job_name is null then 'not_classification'
            when matches.rating_count is null then 'nothing_scored'
        end as agreement_share_reason
    from mean_scores
    left join rated_jobs
        on
            mean_scores.project_id is not distinct from rated_jobs.project_id
            and mean_scores.job_name = rated_jobs.job_name
    left join matches
        on
            mean_scores.project_id is not distinct from matches.project_id
            and mean_scores.job_name = matches.job_name
            and mean_scores.annotator_id = matches.annotator_id
            and mean_scores.other_annotator_id = matches.other_annotator_id
),

both_orders as (
    select * from joined
    union all
    select
        project_id,
        job_name,
        other_annotator_id as annotator_id,
        annotator_id as other_annotator_id,
        asset_count,
        scored_count,
        mean_score,
        rating_count,
        match_count,
        chance_count,
        agreement_share_reason
    from joined
),

agreement_pairs as (
    select
        project_id,
        job_name,
        annotator_id,
        other_annotator_id,
        asset_count,
        scored_count,
        mean_score,
        case when scored_count = 0 then 'nothing_scored' end as score_reason,
        rating_count,
        {{ share('match_count', 'rating_count') }} as agreement_share,
        {{ wilson_low('match_count', 'rating_count') }} as agreement_share_low,
        {{ wilson_high('match_count', 'rating_count') }} as agreement_share_high,
        agreement_share_reason,
        {{
            share(
                'rating_count * match_count - chance_count',
                'rating_count * rating_count - chance_count',
            )
        }} as cohen_kappa,
        coalesce(
            agreement_share_reason,
            case when rating_count * rating_count = chance_count then 'one_category_only' end
        ) as kappa_reason
    from both_orders
)

select * from agreement_pairs
