{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='asset_id',
        on_schema_change='fail',
    )
}}

with

labels as (
    select * from {{ ref('current_labels') }}
    where label_type in ('DEFAULT', 'REVIEW')
),

annotations as (
    select * from {{ ref('current_annotations') }}
    where
        kind = 'classification'
        and parent_annotation_key is null
        and frame is null
        and category is not null
),

changed_assets as (
    {{ changed_assets() }}
),

chosen as (
    select distinct
        annotations.asset_id,
        annotations.label_key,
        annotations.job_name,
        annotations.category
    from changed_assets
    inner join labels
        on changed_assets.asset_id = labels.asset_id
    inner join annotations
        on labels.label_key = annotations.label_key
),

joined as (
    select
        asset_id,
        label_key,
        job_name,
        {{ ordered_string_agg("category", "' | '", ["category"]) }} as label_value
    from chosen
    group by
        asset_id,
        label_key,
        job_name
),

-- An asset without a value has a row, which replaces the rows of its previous state.
label_values as (
    select
        changed_assets.asset_id,
        joined.label_key,
        joined.job_name,
        joined.label_value,
        changed_assets.state_hash
    from changed_assets
    left join joined
        on changed_assets.asset_id = joined.asset_id
)

select * from label_values
