{{ config(materialized='table') }}

with

labels as (
    select * from {{ ref('comparable_labels') }}
    where not is_honeypot_truth
),

machine_labels as (
    select * from labels
    where label_type in ('PREDICTION', 'INFERENCE')
),

defaults as (
    select * from labels
    where
        label_type = 'DEFAULT'
        and author_id is not null
),

-- A labeler starts from the newest prediction of any model and never sees an inference.
candidates as (
    select
        machine_labels.asset_id,
        machine_labels.project_id,
        machine_labels.label_key as machine_label_key,
        machine_labels.label_type,
        machine_labels.model_name,
        machine_labels.response_label_key as machine_response_label_key,
        machine_labels.response_hash as machine_response_hash,
        defaults.label_key as default_label_key,
        defaults.author_id as annotator_id,
        defaults.response_label_key as default_response_label_key,
        defaults.response_hash as default_response_hash,
        row_number() over (
            partition by
                defaults.label_key,
                machine_labels.label_type,
                case when machine_labels.label_type = 'INFERENCE' then machine_labels.model_name end
            order by
                machine_labels.created_at desc nulls last,
                machine_labels.label_key desc nulls last
        ) as machine_recency_rank,
        row_number() over (
            partition by
                machine_labels.label_key,
                defaults.author_id
            order by
                defaults.created_at asc nulls last,
                defaults.label_key asc nulls last
        ) as attempt_rank
    from machine_labels
    inner join defaults
        on
            machine_labels.asset_id = defaults.asset_id
            and machine_labels.created_at <= defaults.created_at
),

pairs as (
    select
        asset_id,
        project_id,
        machine_label_key,
        label_type,
        model_name,
        machine_response_label_key,
        machine_response_hash,
        default_label_key,
        annotator_id,
        default_response_label_key,
        default_response_hash
    from candidates
    where
        machine_recency_rank = 1
        and attempt_rank = 1
)

select * from pairs
