{#
    The aggregates of `review_verdicts` for the marts of reviewers, for any grain. Measures of a
    review, not of a pair, are taken from the review's first row.
#}
{% macro reviewer_sums() -%}
    count(case when is_first_of_review then 1 end) as review_count,
    count(distinct asset_id) as asset_count,
    count(case when default_label_key is null then 1 end) as unpaired_count,
    count(case when is_self_review then 1 end) as self_review_count,
    count(case when verdict = 'accepted' then 1 end) as accepted_count,
    count(case when verdict = 'fixed' then 1 end) as fixed_count,
    case
        when count(was_sent_back) > 0 then count(case when verdict = 'sent_back' then 1 end)
    end as sent_back_count,
    count(case when verdict = 'uncompared' then 1 end) as uncompared_count,
    count(case when verdict in ('accepted', 'fixed', 'sent_back') then 1 end) as judged_count,
    avg(score) as review_score,
    count(score) as scored_count,
    cast(coalesce(sum(edit_count), 0) as bigint) as edit_count,
    count(edit_count) as compared_count,
    count(case when is_first_of_review and is_kept_by_next then 1 end) as kept_by_next_count,
    count(case when is_first_of_review then is_kept_by_next end) as reviewed_again_count,
    {{ percentile('hours_to_review', 0.5) }} as median_hours_to_review,
    {{ percentile('hours_to_review', 0.9) }} as p90_hours_to_review,
    count(hours_to_review) as hours_count,
    {{ seconds_columns('case when is_first_of_review and seconds_to_label >= 0 then seconds_to_label end') }},
    count(distinct case when is_by_annotator_of_asset then asset_id end) as also_labelled_asset_count,
    min(created_at) as first_review_at,
    max(created_at) as last_review_at
{%- endmacro %}

{# The columns after the grain of both marts of reviewers, from a relation with those aggregates. #}
{% macro reviewer_columns(sums) -%}
    {{ sums }}.review_count,
    {{ sums }}.asset_count,
    {{ sums }}.unpaired_count,
    {{ sums }}.self_review_count,
    {{ sums }}.accepted_count,
    {{ sums }}.fixed_count,
    {{ sums }}.sent_back_count,
    case when {{ sums }}.sent_back_count is null then 'not_exported' end as sent_back_count_reason,
    {{ sums }}.uncompared_count,
    {{ sums }}.judged_count,
    {{ share(sums ~ '.accepted_count', sums ~ '.judged_count') }} as acceptance_share,
    {{ wilson_low(sums ~ '.accepted_count', sums ~ '.judged_count') }} as acceptance_share_low,
    {{ wilson_high(sums ~ '.accepted_count', sums ~ '.judged_count') }} as acceptance_share_high,
    case when {{ sums }}.judged_count = 0 then 'nothing_reviewed' end as acceptance_share_reason,
    {{ sums }}.review_score,
    {{ sums }}.scored_count,
    case when {{ sums }}.scored_count = 0 then 'nothing_scored' end as review_score_reason,
    {{ sums }}.edit_count,
    {{ sums }}.compared_count,
    {{ share(sums ~ '.edit_count', sums ~ '.compared_count') }} as edits_per_label,
    case when {{ sums }}.compared_count = 0 then 'nothing_compared' end as edits_per_label_reason,
    {{ share(sums ~ '.kept_by_next_count', sums ~ '.reviewed_again_count') }} as kept_by_next_share,
    {{ wilson_low(sums ~ '.kept_by_next_count', sums ~ '.reviewed_again_count') }} as kept_by_next_share_low,
    {{ wilson_high(sums ~ '.kept_by_next_count', sums ~ '.reviewed_again_count') }} as kept_by_next_share_high,
    case when {{ sums }}.reviewed_again_count = 0 then 'nothing_compared' end as kept_by_next_share_reason,
    {{ sums }}.reviewed_again_count,
    {{ sums }}.median_hours_to_review,
    {{ sums }}.p90_hours_to_review,
    case when {{ sums }}.hours_count = 0 then 'nothing_reviewed' end as hours_reason,
    {{ sums }}.total_seconds,
    {{ sums }}.capped_seconds,
    {{ sums }}.median_seconds,
    {{ sums }}.p90_seconds,
    {{ sums }}.seconds_count,
    {{ sums }}.seconds_reason,
    {{ sums }}.also_labelled_asset_count,
    {{ sums }}.first_review_at,
    {{ sums }}.last_review_at
{%- endmacro %}
