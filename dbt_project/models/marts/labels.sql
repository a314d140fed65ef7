with

current_labels as (
    select * from {{ ref('current_labels') }}
),

labels as (
    select
        label_key,
        asset_id,
        project_id,
        label_id,
        author_id,
        author_email,
        author_name,
        label_type,
        created_at,
        model_name,
        skipped,
        is_sent_back_to_queue,
        is_latest_label_for_user,
        is_honeypot,
        consensus_mark,
        honeypot_mark,
        inference_mark,
        review_score,
        seconds_to_label,
        total_seconds_to_label,
        annotation_count,
        json_response,
        is_response_carried_over,
        extra,
        first_seen_as_of,
        last_seen_as_of
    from current_labels
)

select * from labels
