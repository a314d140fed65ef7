with

source as (
    select * from {{ source('comparison', 'edits') }}
),

finished as (
    select
        {{ declared_columns('comparison', 'edits') }},
        _dlt_load_id
    from source
    where {{ is_of_finished_load('comparison') }}
)

select * from finished
