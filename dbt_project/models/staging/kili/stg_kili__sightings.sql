with

source as (
    select * from {{ source('kili', 'sightings') }}
),

finished as (
    select
        {{ declared_columns('kili', 'sightings') }},
        _dlt_load_id
    from source
    where
        {{ is_of_finished_load() }}
        and {{ is_of_asset_in_range() }}
        {% if var('as_of') %}
            and export_id in (select export_id from {{ ref('stg_kili__exports') }})
        {% endif %}
)

select * from finished
