{{ config(materialized='table') }}

with

ratings as (
    select * from {{ ref('ratings') }}
),

units as (
    select * from {{ ref('units') }}
),

unit_ratings as (
    select
        ratings.project_id,
        ratings.job_name,
        ratings.asset_id,
        ratings.annotator_id,
        ratings.rating
    from units
    inner join ratings
        on
            units.asset_id = ratings.asset_id
            and units.job_name = ratings.job_name
),

by_job as (
    select
        project_id,
        job_name,
        count(distinct rating) as value_count,
        {{
            ordered_string_agg(
                [
                    length_prefixed("asset_id"),
                    length_prefixed("annotator_id"),
                    length_prefixed("rating"),
                ] | join(" || ' ' || "),
                "' '",
                ["asset_id", "annotator_id"],
            )
        }} as ratings
    from unit_ratings
    group by
        project_id,
        job_name
),

job_ratings as (
    select
        project_id,
        job_name,
        {{
            dbt.hash(
                dbt.concat(
                    [
                        "'" ~ var("dawid_skene_version") ~ " '",
                        "coalesce(" ~ length_prefixed("project_id") ~ ", '')",
                        "' '",
                        length_prefixed("job_name"),
                        "' '",
                        "ratings",
                    ]
                )
            )
        }} as ratings_hash,
        value_count,
        case
            when value_count = 1 then 'one_category_only'
            when value_count > {{ var('dawid_skene_values') }} then 'too_many_values'
        end as dawid_skene_reason
    from by_job
)

select * from job_ratings
