with

source as (
    select * from {{ source('kili', 'labels') }}
),

finished as (
    select
        label_key,
        asset_id,
        asset_version,
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
        response_hash,
        annotation_count,
        extra,
        _dlt_load_id
    from source
    where
        {{ is_of_finished_load() }}
        and {{ is_in_range('created_at') }}
        and {{ is_of_asset_in_range() }}
)

select * from finished
