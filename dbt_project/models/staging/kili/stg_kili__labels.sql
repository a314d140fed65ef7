with

source as (
    select * from {{ source('kili', 'labels') }}
),

finished as (
    select
        {{ declared_columns('kili', 'labels') }},
        _dlt_load_id
    from source
    where
        {{ is_of_finished_load() }}
        and {{ is_in_range('created_at') }}
        and {{ is_of_asset_in_range() }}
        {% if var('as_of') %}
            and created_at <= {{ as_of() }}
        {% endif %}
)

select * from finished
