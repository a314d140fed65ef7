{{ config(materialized='table') }}

with

review_pairs as (
    select * from {{ ref('review_pairs') }}
    where
        is_latest_review
        and not coalesce(is_self_review, false)
),

compared_edits as (
    select * from {{ ref('compared_edits') }}
    where purpose = 'review'
),

edits as (
    select
        review_pairs.project_id,
        review_pairs.annotator_id,
        compared_edits.job_name,
        compared_edits.left_category as default_category,
        compared_edits.right_category as review_category,
        compared_edits.iou
    from review_pairs
    inner join compared_edits
        on
            review_pairs.default_label_key = compared_edits.left_label_key
            and review_pairs.review_label_key = compared_edits.right_label_key
),

-- An edit counts once for the annotator's category and once for the reviewer's category.
sides as (
    select
        project_id,
        annotator_id,
        job_name,
        default_category as category,
        1 as is_chosen,
        0 as is_support,
        case when review_category = default_category then 1 else 0 end as is_match,
        case when review_category = default_category then iou end as iou,
        case when review_category != default_category then review_category end as confused_with
    from edits
    where default_category is not null
    union all
    select
        project_id,
        annotator_id,
        job_name,
        review_category as category,
        0 as is_chosen,
        1 as is_support,
        0 as is_match,
        null as iou,
        null as confused_with
    from edits
    where review_category is not null
),

scoped as (
    select
        'annotator' as scope,
        *
    from sides
    union all
    select
        'project' as scope,
        project_id,
        null as annotator_id,
        job_name,
        category,
        is_chosen,
        is_support,
        is_match,
        iou,
        confused_with
    from sides
),

by_confusion as (
    select
        project_id,
        job_name,
        category,
        scope,
        annotator_id,
        confused_with,
        sum(is_chosen) as chosen_count,
        sum(is_support) as support_count,
        sum(is_match) as match_count,
        sum(iou) as iou_sum,
        count(iou) as iou_count,
        count(confused_with) as confused_count
    from scoped
    group by
        project_id,
        job_name,
        category,
        scope,
        annotator_id,
        confused_with
),

ranked as (
    select
        *,
        row_number() over (
            partition by
                project_id,
                job_name,
                category,
                scope,
                annotator_id
            order by
                confused_count desc nulls last,
                confused_with asc nulls last
        ) as confusion_rank
    from by_confusion
),

counted as (
    select
        project_id,
        job_name,
        category,
        scope,
        annotator_id,
        cast(sum(chosen_count) as bigint) as chosen_count,
        cast(sum(support_count) as bigint) as support_count,
        cast(sum(match_count) as bigint) as match_count,
        sum(iou_sum) as iou_sum,
        cast(sum(iou_count) as bigint) as iou_count,
        max(case when confusion_rank = 1 then confused_with end) as most_confused_with,
        max(confused_count) as most_confused_count
    from ranked
    group by
        project_id,
        job_name,
        category,
        scope,
        annotator_id
),

quality as (
    select
        project_id,
        job_name,
        category,
        scope,
        annotator_id,
        chosen_count,
        support_count,
        match_count,
        {{ share('match_count', 'chosen_count') }} as precision_share,
        {{ wilson_low('match_count', 'chosen_count') }} as precision_share_low,
        {{ wilson_high('match_count', 'chosen_count') }} as precision_share_high,
        case when chosen_count = 0 then 'never_chosen' end as precision_share_reason,
        {{ share('match_count', 'support_count') }} as recall_share,
        {{ wilson_low('match_count', 'support_count') }} as recall_share_low,
        {{ wilson_high('match_count', 'support_count') }} as recall_share_high,
        case when support_count = 0 then 'never_reviewed_as' end as recall_share_reason,
        {{ share('2 * match_count', 'chosen_count + support_count') }} as f1,
        {{ share('iou_sum', 'iou_count') }} as mean_iou,
        iou_count,
        case when iou_count = 0 then 'nothing_scored' end as iou_reason,
        most_confused_with,
        most_confused_count
    from counted
)

select * from quality
