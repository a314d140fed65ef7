{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='asset_id',
        on_schema_change='fail',
        pre_hook='{{ delete_touched_assets() }}',
    )
}}

with

annotations as (
    select * from {{ ref('stg_kili__annotations') }}
),

labels as (
    select * from {{ ref('current_labels') }}
),

touched_assets as (
    select
        asset_id,
        load_count
    from {{ ref('asset_loads') }}
    {% if is_incremental() %}
        except
        select
            asset_id,
            load_count
        from {{ this }}
    {% endif %}
),

current_answers as (
    select
        labels.label_key,
        labels.response_hash,
        labels.project_id,
        touched_assets.load_count
    from touched_assets
    inner join labels
        on touched_assets.asset_id = labels.asset_id
),

newest_flattenings as (
    select
        current_answers.label_key,
        current_answers.response_hash,
        current_answers.project_id,
        current_answers.load_count,
        max(annotations.flatten_version) as flatten_version
    from current_answers
    inner join annotations
        on
            current_answers.label_key = annotations.label_key
            and current_answers.response_hash = annotations.response_hash
    group by
        current_answers.label_key,
        current_answers.response_hash,
        current_answers.project_id,
        current_answers.load_count
),

current_annotations as (
    select
        annotations.annotation_key,
        annotations.label_key,
        annotations.response_hash,
        annotations.flatten_version,
        annotations.asset_id,
        newest_flattenings.project_id,
        annotations.parent_annotation_key,
        annotations.job_name,
        annotations.kind,
        annotations.tool,
        annotations.mid,
        annotations.category,
        annotations.confidence,
        annotations.text,
        annotations.begin_offset,
        annotations.end_offset,
        annotations.frame,
        annotations.is_key_frame,
        annotations.page_number,
        annotations.x_min,
        annotations.y_min,
        annotations.x_max,
        annotations.y_max,
        annotations.geometry,
        annotations.start_mids,
        annotations.end_mids,
        annotations.extra,
        newest_flattenings.load_count
    from newest_flattenings
    inner join annotations
        on
            newest_flattenings.label_key = annotations.label_key
            and newest_flattenings.response_hash = annotations.response_hash
            and newest_flattenings.flatten_version = annotations.flatten_version
)

select * from current_annotations
