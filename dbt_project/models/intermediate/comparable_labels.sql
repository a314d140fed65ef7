with

labels as (
    select * from {{ ref('label_roles') }}
),

comparable as (
    select
        label_key,
        asset_id,
        project_id,
        external_id,
        label_type,
        author_id,
        created_at,
        model_name,
        is_sent_back_to_queue,
        is_used_for_consensus,
        label_role = 'truth' as is_honeypot_truth,
        response_label_key,
        response_hash
    from labels
    where
        label_role in ('work', 'review', 'truth', 'machine')
        and created_at is not null
)

select * from comparable
