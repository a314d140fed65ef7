with

sightings as (
    select * from {{ ref('stg_kili__sightings') }}
),

exports as (
    select * from {{ ref('stg_kili__exports') }}
),

-- If a newer loader has read an export again, the last reading counts.
newest_readings as (
    select
        export_id,
        max(_dlt_load_id) as _dlt_load_id
    from exports
    group by export_id
),

dated as (
    select
        sightings.asset_id,
        sightings.asset_version,
        sightings.export_id,
        exports.as_of,
        exports.project_id
    from sightings
    inner join newest_readings
        on
            sightings.export_id = newest_readings.export_id
            and sightings._dlt_load_id = newest_readings._dlt_load_id
    inner join exports
        on
            newest_readings.export_id = exports.export_id
            and newest_readings._dlt_load_id = exports._dlt_load_id
)

select * from dated
