with

source as (
    select * from {{ source('kili', 'rejects') }}
),

finished as (
    select
        {{ declared_columns('kili', 'rejects') }},
        _dlt_load_id
    from source
    where
        {{ is_of_finished_load() }}
        {% if var('as_of') %}
            and export_id in (select export_id from {{ ref('stg_kili__exports') }})
        {% endif %}
)

select * from finished
