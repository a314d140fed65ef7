with

scores as (
    select * from {{ ref('asset_scores') }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by project_id
            order by
                round(priority, 9) desc nulls last,
                asset_id asc nulls last
        ) as place
    from scores
),

quality as (
    select
        asset_id,
        project_id,
        external_id,
        status,
        default_count,
        review_count,
        machine_label_count,
        annotator_count,
        consensus_score,
        consensus_pair_count,
        honeypot_score,
        honeypot_count,
        review_score,
        last_label_at,
        sent_back_score,
        disagreement_score,
        doubtful_truth_score,
        against_majority_score,
        empty_answer_score,
        rework_score,
        reviewers_differ_score,
        priority,
        reasons,
        case when round(priority, 9) > 0 then place end as look_again_rank
    from ranked
)

select * from quality
