with

units as (
    select * from {{ ref('units') }}
),

unit_fits as (
    select * from {{ ref('unit_fits') }}
),

consensus as (
    select
        units.asset_id,
        units.project_id,
        units.external_id,
        units.job_name,
        units.rating_count,
        units.value_count,
        units.majority_value,
        units.majority_reason,
        units.majority_share,
        units.entropy,
        unit_fits.dawid_skene_value,
        unit_fits.dawid_skene_confidence,
        unit_fits.dawid_skene_reason,
        unit_fits.iteration_count,
        units.review_value
    from units
    inner join unit_fits
        on
            units.asset_id = unit_fits.asset_id
            and units.job_name = unit_fits.job_name
)

select * from consensus
