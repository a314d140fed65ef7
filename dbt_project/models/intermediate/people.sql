{{ config(materialized='table') }}

with

labels as (
    select
        asset_id,
        asset_version,
        author_id,
        {{ person_email('author_email') }} as author_email
    from {{ ref('stg_kili__labels') }}
),

sightings as (
    select * from {{ ref('asset_sightings') }}
),

emails_without_id as (
    select distinct author_email
    from labels
    where author_id is null
),

seen as (
    select
        labels.author_email,
        labels.author_id,
        sightings.as_of,
        sightings.asset_version,
        sightings.export_id
    from emails_without_id
    inner join labels
        on emails_without_id.author_email = labels.author_email
    inner join sightings
        on
            labels.asset_id = sightings.asset_id
            and labels.asset_version = sightings.asset_version
    where labels.author_id is not null
),

people as (
    select
        author_email,
        max_by(author_id, row({{ sighting_order() }}, author_id)) as author_id
    from seen
    group by author_email
)

select * from people
