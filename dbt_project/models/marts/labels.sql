with

current_labels as (
    select * from {{ ref('current_labels') }}
),

responses as (
    select * from {{ ref('current_responses') }}
),

versions as (
    select * from {{ ref('asset_versions') }}
),

labels as (
    select
        current_labels.label_key,
        current_labels.asset_id,
        current_labels.project_id,
        current_labels.label_id,
        current_labels.author_id,
        current_labels.author_email,
        current_labels.author_name,
        current_labels.label_type,
        current_labels.created_at,
        current_labels.model_name,
        current_labels.skipped,
        current_labels.is_sent_back_to_queue,
        current_labels.is_latest_label_for_user,
        current_labels.is_honeypot,
        current_labels.consensus_mark,
        current_labels.honeypot_mark,
        current_labels.inference_mark,
        current_labels.review_score,
        current_labels.seconds_to_label,
        current_labels.total_seconds_to_label,
        current_labels.annotation_count,
        responses.json_response,
        current_labels.is_response_carried_over,
        current_labels.extra,
        current_labels.first_seen_as_of,
        versions.last_seen_as_of
    from current_labels
    inner join versions
        on
            current_labels.asset_id = versions.asset_id
            and current_labels.asset_version = versions.asset_version
    left join responses
        on current_labels.label_key = responses.label_key
)

select * from labels
