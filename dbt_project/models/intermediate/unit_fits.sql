with

units as (
    select * from {{ ref('units') }}
),

job_ratings as (
    select * from {{ ref('job_ratings') }}
),

dawid_skene as (
    select * from {{ ref('stg_comparison__dawid_skene') }}
),

unit_fits as (
    select
        units.asset_id,
        units.job_name,
        dawid_skene.rating as dawid_skene_value,
        dawid_skene.confidence as dawid_skene_confidence,
        job_ratings.dawid_skene_reason,
        dawid_skene.iteration_count
    from units
    inner join job_ratings
        on
            units.project_id is not distinct from job_ratings.project_id
            and units.job_name = job_ratings.job_name
    left join dawid_skene
        on
            job_ratings.ratings_hash = dawid_skene.ratings_hash
            and units.asset_id = dawid_skene.asset_id
)

select * from unit_fits
