with

defaults as (
    select * from {{ ref('latest_default_labels') }}
),

pairs as (
    select
        one.asset_id,
        one.project_id,
        one.author_id as one_annotator_id,
        other.author_id as other_annotator_id,
        one.label_key as one_label_key,
        one.response_label_key as one_response_label_key,
        one.response_hash as one_response_hash,
        other.label_key as other_label_key,
        other.response_label_key as other_response_label_key,
        other.response_hash as other_response_hash
    from defaults as one
    inner join defaults as other
        on
            one.asset_id = other.asset_id
            and one.label_key < other.label_key
    where coalesce(one.is_used_for_consensus, true)
)

select * from pairs
