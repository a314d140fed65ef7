with

source as (
    select * from {{ source('comparison', 'pairs') }}
),

finished as (
    select
        pair_key,
        left_label_key,
        left_response_hash,
        right_label_key,
        right_response_hash,
        method_version,
        score,
        _dlt_load_id
    from source
    where {{ is_of_finished_load('comparison') }}
)

select * from finished
