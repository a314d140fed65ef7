with

source as (
    select * from {{ source('comparison', 'dawid_skene') }}
),

finished as (
    select
        {{ declared_columns('comparison', 'dawid_skene') }},
        _dlt_load_id
    from source
    where {{ is_of_finished_load('comparison') }}
)

select * from finished
