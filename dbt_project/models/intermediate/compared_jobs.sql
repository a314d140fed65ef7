with

pairs as (
    select * from {{ ref('compared_pairs') }}
),

jobs as (
    select * from {{ ref('stg_comparison__jobs') }}
),

compared as (
    select
        pairs.purpose,
        pairs.asset_id,
        pairs.left_label_key,
        pairs.right_label_key,
        jobs.pair_key,
        jobs.job_name,
        jobs.kind,
        jobs.score,
        jobs.score_method,
        jobs.weight,
        jobs.left_annotation_count,
        jobs.right_annotation_count,
        jobs.kept_count,
        jobs.added_count,
        jobs.removed_count,
        jobs.relabelled_count,
        jobs.moved_count,
        jobs.relabelled_and_moved_count,
        jobs.text_changed_count
    from pairs
    inner join jobs
        on pairs.pair_key = jobs.pair_key
)

select * from compared
