with

source as (
    select * from {{ source('comparison', 'methods') }}
),

finished as (
    select
        {{ declared_columns('comparison', 'methods') }},
        _dlt_load_id
    from source
    where {{ is_of_finished_load('comparison') }}
)

select * from finished
