with

source as (
    select * from {{ source('kili', 'rejects') }}
),

finished as (
    select
        {{ declared_columns('kili', 'rejects') }},
        _dlt_load_id
    from source
    where {{ is_of_finished_load() }}
)

select * from finished
