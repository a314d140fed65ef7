with

versions as (
    select * from {{ ref('asset_versions') }}
),

sightings as (
    select * from {{ ref('asset_sightings') }}
),

annotations as (
    select * from {{ ref('stg_kili__annotations') }}
),

histories as (
    select
        asset_id,
        {{
            dbt.listagg(
                "asset_version || coalesce(cast(first_seen_as_of as " ~ dbt.type_string() ~ "), '')",
                "' '",
                "order by recency",
            )
        }} as versions
    from versions
    group by asset_id
),

projects as (
    select
        asset_id,
        max_by(project_id, {{ sighting_order() }}) as project_id
    from sightings
    where project_id is not null
    group by asset_id
),

-- A newer flattening writes annotations of assets that no new export has shown.
flattened as (
    select
        asset_id,
        count(*) as annotation_row_count
    from annotations
    group by asset_id
),

hashed as (
    select
        histories.asset_id,
        {{
            dbt.hash(
                dbt.concat(
                    [
                        "histories.versions",
                        "' '",
                        "coalesce(projects.project_id, '')",
                        "' '",
                        "cast(coalesce(flattened.annotation_row_count, 0) as " ~ dbt.type_string() ~ ")",
                    ]
                )
            )
        }} as state_hash
    from histories
    left join projects
        on histories.asset_id = projects.asset_id
    left join flattened
        on histories.asset_id = flattened.asset_id
)

select * from hashed
