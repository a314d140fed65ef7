with

sightings as (
    select * from {{ ref('stg_kili__sightings') }}
),

exports as (
    select * from {{ ref('stg_kili__exports') }}
),

dated as (
    select
        sightings.asset_id,
        sightings.asset_version,
        sightings.export_id,
        exports.as_of,
        exports.project_id
    from sightings
    left join exports
        on sightings.export_id = exports.export_id
),

ranked as (
    select
        asset_id,
        asset_version,
        export_id,
        as_of,
        project_id,
        row_number() over (
            partition by asset_id
            order by as_of asc nulls first, asset_version asc, export_id asc
        ) as recency
    from dated
)

select * from ranked
