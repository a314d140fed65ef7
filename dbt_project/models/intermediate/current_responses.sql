with

labels as (
    select * from {{ ref('current_labels') }}
),

responses as (
    select * from {{ ref('stg_kili__responses') }}
),

current_responses as (
    select
        labels.label_key,
        labels.response_label_key,
        labels.response_hash,
        responses.json_response
    from labels
    inner join responses
        on
            labels.response_label_key = responses.label_key
            and labels.response_hash = responses.response_hash
)

select * from current_responses
