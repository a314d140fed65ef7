{{ config(materialized='table') }}

with

label_pairs as (
    select * from {{ ref('label_pairs') }}
),

compared as (
    select * from {{ ref('stg_comparison__pairs') }}
),

methods as (
    select * from {{ ref('stg_comparison__methods') }}
),

newest_method as (
    select method_version
    from methods
    where _dlt_load_id = (select max(_dlt_load_id) from methods)
),

pairs as (
    select
        label_pairs.purpose,
        label_pairs.asset_id,
        label_pairs.left_label_key,
        label_pairs.right_label_key,
        compared.pair_key,
        compared.score
    from label_pairs
    inner join compared
        on
            label_pairs.left_response_label_key = compared.left_label_key
            and label_pairs.left_response_hash = compared.left_response_hash
            and label_pairs.right_response_label_key = compared.right_label_key
            and label_pairs.right_response_hash = compared.right_response_hash
    inner join newest_method
        on compared.method_version = newest_method.method_version
)

select * from pairs
