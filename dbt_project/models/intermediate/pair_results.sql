{{ config(materialized='table') }}

with

pairs as (
    select * from {{ ref('compared_pairs') }}
),

jobs as (
    select * from {{ ref('stg_comparison__jobs') }}
    where pair_key in (select pair_key from pairs)
),

counted as (
    select
        pair_key,
        cast(sum(kept_count) as bigint) as kept_count,
        cast(sum(added_count) as bigint) as added_count,
        cast(sum(removed_count) as bigint) as removed_count,
        cast(sum(relabelled_count) as bigint) as relabelled_count,
        cast(sum(moved_count) as bigint) as moved_count,
        cast(sum(relabelled_and_moved_count) as bigint) as relabelled_and_moved_count,
        cast(sum(text_changed_count) as bigint) as text_changed_count
    from jobs
    group by pair_key
),

-- A compared pair without annotations in either label has no job.
with_counts as (
    select
        pairs.purpose,
        pairs.asset_id,
        pairs.left_label_key,
        pairs.right_label_key,
        pairs.score,
        coalesce(counted.kept_count, 0) as kept_count,
        coalesce(counted.added_count, 0) as added_count,
        coalesce(counted.removed_count, 0) as removed_count,
        coalesce(counted.relabelled_count, 0) as relabelled_count,
        coalesce(counted.moved_count, 0) as moved_count,
        coalesce(counted.relabelled_and_moved_count, 0) as relabelled_and_moved_count,
        coalesce(counted.text_changed_count, 0) as text_changed_count
    from pairs
    left join counted
        on pairs.pair_key = counted.pair_key
),

with_edits as (
    select
        *,
        added_count
        + removed_count
        + relabelled_count
        + moved_count
        + relabelled_and_moved_count
        + text_changed_count as edit_count
    from with_counts
),

results as (
    select
        *,
        edit_count = 0 as is_unchanged
    from with_edits
)

select * from results
