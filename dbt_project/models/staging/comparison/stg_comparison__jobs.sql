with

source as (
    select * from {{ source('comparison', 'jobs') }}
),

finished as (
    select
        {{ declared_columns('comparison', 'jobs') }},
        _dlt_load_id
    from source
    where {{ is_of_finished_load('comparison') }}
)

select * from finished
