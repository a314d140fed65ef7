with

versions as (
    select * from {{ ref('asset_versions') }}
),

sightings as (
    select * from {{ ref('asset_sightings') }}
),

flattenings as (
    select * from {{ ref('stg_kili__flattenings') }}
),

labels as (
    select * from {{ ref('stg_kili__labels') }}
),

people as (
    select * from {{ ref('people') }}
),

histories as (
    select
        asset_id,
        {{
            ordered_string_agg(
                "asset_version || coalesce(cast(first_seen_as_of as " ~ dbt.type_string() ~ "), '')",
                "' '",
                ["recency"],
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

-- A newer flattening writes rows of assets without a new sighting.
flattened as (
    select
        asset_id,
        count(*) as flattening_count
    from flattenings
    group by asset_id
),

-- A sighting of another asset may add the id of an author whom this asset's labels give by e-mail.
named_people as (
    select distinct
        labels.asset_id,
        people.author_email || ' ' || people.author_id as person
    from people
    inner join labels
        on people.author_email = {{ person_email('labels.author_email') }}
    where labels.author_id is null
),

authors as (
    select
        asset_id,
        {{ ordered_string_agg("person", "' '", ["person"]) }} as people
    from named_people
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
                        "cast(coalesce(flattened.flattening_count, 0) as " ~ dbt.type_string() ~ ")",
                        "' '",
                        "coalesce(authors.people, '')",
                    ]
                )
            )
        }} as state_hash
    from histories
    left join projects
        on histories.asset_id = projects.asset_id
    left join flattened
        on histories.asset_id = flattened.asset_id
    left join authors
        on histories.asset_id = authors.asset_id
)

select * from hashed
