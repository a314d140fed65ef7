with

source as (
    select * from {{ source('kili', 'assets') }}
),

finished as (
    select
        {{ declared_columns('kili', 'assets') }},
        _dlt_load_id
    from source
    where
        {{ is_of_finished_load() }}
        and {{ is_in_range('created_at') }}
        and {{ is_in_range('updated_at') }}
)

select * from finished
