with

source as (
    select * from {{ source('kili', 'assets') }}
),

finished as (
    select
        asset_id,
        asset_version,
        project_id,
        external_id,
        content,
        status,
        json_metadata,
        is_honeypot,
        honeypot_mark,
        is_used_for_consensus,
        consensus_mark,
        inference_mark,
        skipped,
        total_seconds_to_label,
        created_at,
        updated_at,
        extra,
        _dlt_load_id
    from source
    where
        {{ is_of_finished_load() }}
        and {{ is_in_range('created_at') }}
        and {{ is_in_range('updated_at') }}
)

select * from finished
