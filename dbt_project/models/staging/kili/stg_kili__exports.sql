with

source as (
    select * from {{ source('kili', 'exports') }}
),

sightings as (
    select * from {{ source('kili', 'sightings') }}
),

assets as (
    select * from {{ source('kili', 'assets') }}
),

labels as (
    select * from {{ source('kili', 'labels') }}
),

out_of_range as (
    select
        export_id,
        _dlt_load_id
    from source
    where not {{ is_in_range('as_of') }}
),

shown_assets as (
    select
        out_of_range.export_id,
        out_of_range._dlt_load_id,
        assets.asset_id,
        assets.asset_version,
        assets.created_at,
        assets.updated_at
    from out_of_range
    inner join sightings
        on
            out_of_range.export_id = sightings.export_id
            and out_of_range._dlt_load_id = sightings._dlt_load_id
    inner join assets
        on
            sightings.asset_id = assets.asset_id
            and sightings.asset_version = assets.asset_version
    where
        {{ is_in_range('assets.created_at') }}
        and {{ is_in_range('assets.updated_at') }}
),

shown_labels as (
    select
        shown_assets.export_id,
        shown_assets._dlt_load_id,
        labels.created_at,
        {{ json_time('labels.extra', 'updatedAt') }} as updated_at
    from shown_assets
    inner join labels
        on
            shown_assets.asset_id = labels.asset_id
            and shown_assets.asset_version = labels.asset_version
    where {{ is_in_range('labels.created_at') }}
),

times as (
    select export_id, _dlt_load_id, created_at as shown_at from shown_assets
    union all
    select export_id, _dlt_load_id, updated_at as shown_at from shown_assets
    union all
    select export_id, _dlt_load_id, created_at as shown_at from shown_labels
    union all
    select export_id, _dlt_load_id, updated_at as shown_at from shown_labels
),

newest_times as (
    select
        export_id as dated_export_id,
        _dlt_load_id as dated_load_id,
        max(shown_at) as newest_at
    from times
    where {{ is_in_range('shown_at') }}
    group by
        export_id,
        _dlt_load_id
),

finished as (
    select
        {{ declared_columns('kili', 'exports', left_out=['as_of']) }},
        case when {{ is_in_range('as_of') }} then as_of else newest_at end as as_of,
        _dlt_load_id
    from source
    left join newest_times
        on
            export_id = dated_export_id
            and _dlt_load_id = dated_load_id
    where {{ is_of_finished_load() }}
),

-- A newer loader may read another date from an export. The newest reading counts.
counted as (
    select * from finished
    {% if var('as_of') %}
        where
            as_of <= {{ as_of() }}
            and not exists (
                select 1
                from finished as newer
                where
                    newer.export_id = finished.export_id
                    and newer._dlt_load_id > finished._dlt_load_id
                    and coalesce(newer.as_of > {{ as_of() }}, true)
            )
    {% endif %}
)

select * from counted
