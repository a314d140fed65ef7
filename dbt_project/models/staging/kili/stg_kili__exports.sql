with

source as (
    select * from {{ source('kili', 'exports') }}
),

finished as (
    select
        export_id,
        file_url,
        layout,
        label_container,
        export_type,
        project_id,
        project_name,
        as_of,
        size_bytes,
        asset_count,
        label_count,
        annotation_count,
        rejected_asset_count,
        rejected_label_count,
        duplicate_asset_count,
        duplicate_label_count,
        unchanged_asset_count,
        is_rejected,
        loader_version,
        loaded_at,
        _dlt_load_id
    from source
    where {{ is_of_finished_load() }}
)

select * from finished
