{{ config(meta={'dagster': {'ref': {'name': 'stg_comparison__pairs'}}}) }}

-- For labels that were compared in both orders with the same answers and method.
with

pairs as (
    select * from {{ ref('stg_comparison__pairs') }}
),

wrong as (
    select
        one.pair_key,
        one.score,
        other.score as swapped_score
    from pairs as one
    inner join pairs as other
        on
            one.left_label_key = other.right_label_key
            and one.left_response_hash = other.right_response_hash
            and one.right_label_key = other.left_label_key
            and one.right_response_hash = other.left_response_hash
            and one.method_version = other.method_version
    where
        abs(one.score - other.score) > 1e-9
        or (one.score is null) != (other.score is null)
)

select * from wrong
