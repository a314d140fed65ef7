{{ config(materialized='table') }}
{% set weights = {
    'sent_back': 0.9,
    'disagreement': 0.8,
    'doubtful_truth': 0.8,
    'against_majority': 0.7,
    'empty_answer': 0.6,
    'rework': 0.6,
    'reviewers_differ': 0.5,
} %}

with

assets as (
    select * from {{ ref('current_assets') }}
),

labels as (
    select * from {{ ref('label_roles') }}
),

results as (
    select * from {{ ref('pair_results') }}
),

review_pairs as (
    select * from {{ ref('review_pairs') }}
    where
        is_latest_review
        and not coalesce(is_self_review, false)
),

rereview_pairs as (
    select * from {{ ref('rereview_pairs') }}
),

units as (
    select * from {{ ref('units') }}
),

label_counts as (
    select
        asset_id,
        count(case when label_role = 'work' then 1 end) as default_count,
        count(case when label_role = 'review' then 1 end) as review_count,
        count(case when label_role = 'machine' then 1 end) as machine_label_count,
        count(distinct case when label_role = 'work' then author_id end) as annotator_count,
        max(case when label_role = 'work' then created_at end) as latest_work_at,
        max(case when label_role = 'review' then created_at end) as latest_review_at,
        max(created_at) as last_label_at
    from labels
    group by asset_id
),

ranked_work as (
    select
        asset_id,
        is_sent_back_to_queue,
        annotation_count,
        is_response_carried_over,
        row_number() over (
            partition by asset_id
            order by
                created_at desc nulls last,
                label_key desc nulls last
        ) as recency_rank
    from labels
    where label_role = 'work'
),

newest_work as (
    select * from ranked_work
    where recency_rank = 1
),

pair_scores as (
    select
        asset_id,
        avg(case when purpose = 'consensus' then score end) as consensus_score,
        count(case when purpose = 'consensus' then score end) as consensus_pair_count,
        avg(case when purpose = 'honeypot' then score end) as honeypot_score,
        count(case when purpose = 'honeypot' then score end) as honeypot_count,
        max(case when purpose = 'honeypot' then score end) as best_honeypot_score
    from results
    where purpose in ('consensus', 'honeypot')
    group by asset_id
),

review_scores as (
    select
        review_pairs.asset_id,
        avg(results.score) as review_score
    from review_pairs
    inner join results
        on
            review_pairs.default_label_key = results.left_label_key
            and review_pairs.review_label_key = results.right_label_key
    where results.purpose = 'review'
    group by review_pairs.asset_id
),

ranked_rereviews as (
    select
        rereview_pairs.asset_id,
        results.is_unchanged,
        row_number() over (
            partition by rereview_pairs.asset_id
            order by rereview_pairs.later_review_round desc nulls last
        ) as recency_rank
    from rereview_pairs
    inner join results
        on
            rereview_pairs.earlier_label_key = results.left_label_key
            and rereview_pairs.later_label_key = results.right_label_key
    where results.purpose = 'rereview'
),

newest_rereviews as (
    select * from ranked_rereviews
    where recency_rank = 1
),

clear_units as (
    select
        asset_id,
        max(case when review_value != majority_value then 1 else 0 end) as is_against_majority
    from units
    where
        rating_count >= 3
        and majority_share > 0.5
        and review_value is not null
    group by asset_id
),

combined as (
    select
        assets.asset_id,
        assets.project_id,
        assets.external_id,
        assets.status,
        coalesce(label_counts.default_count, 0) as default_count,
        coalesce(label_counts.review_count, 0) as review_count,
        coalesce(label_counts.machine_label_count, 0) as machine_label_count,
        coalesce(label_counts.annotator_count, 0) as annotator_count,
        pair_scores.consensus_score,
        coalesce(pair_scores.consensus_pair_count, 0) as consensus_pair_count,
        pair_scores.honeypot_score,
        coalesce(pair_scores.honeypot_count, 0) as honeypot_count,
        pair_scores.best_honeypot_score,
        review_scores.review_score,
        label_counts.last_label_at,
        label_counts.latest_review_at,
        label_counts.latest_work_at,
        newest_work.asset_id is not null as has_work,
        newest_work.is_sent_back_to_queue,
        newest_work.annotation_count,
        newest_work.is_response_carried_over,
        clear_units.is_against_majority,
        newest_rereviews.is_unchanged as is_upheld_by_next_reviewer
    from assets
    left join label_counts
        on assets.asset_id = label_counts.asset_id
    left join newest_work
        on assets.asset_id = newest_work.asset_id
    left join pair_scores
        on assets.asset_id = pair_scores.asset_id
    left join review_scores
        on assets.asset_id = review_scores.asset_id
    left join newest_rereviews
        on assets.asset_id = newest_rereviews.asset_id
    left join clear_units
        on assets.asset_id = clear_units.asset_id
),

extents as (
    select
        *,
        case
            when is_sent_back_to_queue then 1
            when not is_sent_back_to_queue then 0
        end as sent_back_extent,
        case
            when consensus_score is null then null
            when latest_review_at >= coalesce(latest_work_at, latest_review_at) then 0
            else 1 - consensus_score
        end as disagreement_extent,
        case
            when honeypot_score is null then null
            when honeypot_count >= 3 and best_honeypot_score <= 0.5 then 1 - honeypot_score
            else 0
        end as doubtful_truth_extent,
        is_against_majority as against_majority_extent,
        case
            when not has_work then null
            when coalesce(annotation_count, 0) = 0 then 1
            when is_response_carried_over then 1
            else 0
        end as empty_answer_extent,
        case
            when latest_review_at is null then null
            when latest_work_at > latest_review_at then 1
            else 0
        end as rework_extent,
        case
            when is_upheld_by_next_reviewer then 0
            when not is_upheld_by_next_reviewer then 1
        end as reviewers_differ_extent
    from combined
),

weighted as (
    select
        {% for reason, weight in weights.items() -%}
            cast({{ weight }} as double) * {{ reason }}_extent as {{ reason }}_score,
        {% endfor -%}
        *
    from extents
),

-- Rounded, so that inexact last digits of a mean do not change the order.
held_reasons as (
    {% for reason in weights -%}
        select
            asset_id,
            '{{ reason }}' as reason,
            -round({{ reason }}_score, 9) as place
        from weighted
        where round({{ reason }}_score, 9) > 0
        {{ 'union all' if not loop.last }}
    {% endfor -%}
),

joined_reasons as (
    select
        asset_id,
        {{ ordered_string_agg("reason", "', '", ["place", "reason"]) }} as reasons
    from held_reasons
    group by asset_id
),

scores as (
    select
        weighted.asset_id,
        weighted.project_id,
        weighted.external_id,
        weighted.status,
        weighted.default_count,
        weighted.review_count,
        weighted.machine_label_count,
        weighted.annotator_count,
        weighted.consensus_score,
        weighted.consensus_pair_count,
        weighted.honeypot_score,
        weighted.honeypot_count,
        weighted.review_score,
        weighted.last_label_at,
        {% for reason in weights -%}
            weighted.{{ reason }}_score,
        {% endfor -%}
        1
        {%- for reason in weights %}
            {{ '-' if loop.first else '*' }} (1 - coalesce(weighted.{{ reason }}_score, 0))
        {%- endfor %} as priority,
        joined_reasons.reasons
    from weighted
    left join joined_reasons
        on weighted.asset_id = joined_reasons.asset_id
)

select * from scores
