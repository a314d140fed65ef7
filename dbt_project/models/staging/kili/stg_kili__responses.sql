with

source as (
    select * from {{ source('kili', 'responses') }}
),

finished as (
    select
        label_key,
        response_hash,
        json_response,
        _dlt_load_id
    from source
    where {{ is_of_finished_load() }}
)

select * from finished
