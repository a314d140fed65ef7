with

results as (
    select * from {{ ref('label_results') }}
),

outcomes as (
    select
        label_key,
        asset_id,
        project_id,
        external_id,
        annotator_id,
        created_at,
        week,
        outcome,
        attempt_number,
        first_review_label_key,
        last_review_label_key,
        first_review_is_unchanged,
        review_score,
        edit_count,
        seconds_to_label,
        annotation_count
    from results
)

select * from outcomes
