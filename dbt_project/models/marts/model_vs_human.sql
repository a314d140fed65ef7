{{ config(materialized='table') }}

with

machine_labels as (
    select * from {{ ref('label_roles') }}
    where label_role = 'machine'
),

prediction_pairs as (
    select * from {{ ref('prediction_pairs') }}
),

results as (
    select * from {{ ref('pair_results') }}
    where purpose = 'prediction'
),

work_labels as (
    select * from {{ ref('label_results') }}
),

compared as (
    select
        prediction_pairs.machine_label_key,
        results.score,
        results.is_unchanged,
        results.kept_count,
        results.added_count,
        results.removed_count,
        results.relabelled_count,
        results.moved_count,
        results.relabelled_and_moved_count,
        results.text_changed_count,
        results.edit_count,
        -- Every annotation of the machine label is removed.
        results.removed_count > 0
        and results.kept_count = 0
        and results.edit_count = results.added_count + results.removed_count as is_dropped,
        results.is_unchanged
        and work_labels.outcome in ('accepted', 'fixed', 'sent_back') as is_reviewed,
        work_labels.outcome
    from prediction_pairs
    left join results
        on
            prediction_pairs.machine_label_key = results.left_label_key
            and prediction_pairs.default_label_key = results.right_label_key
    left join work_labels
        on prediction_pairs.default_label_key = work_labels.label_key
),

judged as (
    select
        machine_labels.project_id,
        machine_labels.model_name,
        machine_labels.label_type,
        machine_labels.label_key,
        machine_labels.asset_id,
        compared.machine_label_key,
        case
            when compared.machine_label_key is null then null
            when compared.is_unchanged is null then 'uncompared'
            when compared.is_unchanged then 'accepted'
            when compared.is_dropped then 'dropped'
            else 'edited'
        end as verdict,
        compared.score,
        compared.kept_count,
        compared.added_count,
        compared.removed_count,
        compared.relabelled_count,
        compared.moved_count,
        compared.relabelled_and_moved_count,
        compared.text_changed_count,
        compared.edit_count,
        compared.is_reviewed,
        compared.outcome
    from machine_labels
    left join compared
        on machine_labels.label_key = compared.machine_label_key
),

counted as (
    select
        project_id,
        model_name,
        label_type,
        count(distinct label_key) as machine_label_count,
        count(distinct asset_id) as asset_count,
        count(distinct machine_label_key) as judged_label_count,
        count(case when verdict = 'accepted' then 1 end) as accepted_count,
        count(case when verdict = 'edited' then 1 end) as edited_count,
        count(case when verdict = 'dropped' then 1 end) as dropped_count,
        count(case when verdict = 'uncompared' then 1 end) as uncompared_count,
        count(case when verdict in ('accepted', 'edited', 'dropped') then 1 end) as judged_count,
        avg(score) as mean_score,
        count(score) as scored_count,
        cast(coalesce(sum(kept_count), 0) as bigint) as kept_count,
        cast(coalesce(sum(added_count), 0) as bigint) as added_count,
        cast(coalesce(sum(removed_count), 0) as bigint) as removed_count,
        cast(coalesce(sum(relabelled_count), 0) as bigint) as relabelled_count,
        cast(coalesce(sum(moved_count), 0) as bigint) as moved_count,
        cast(coalesce(sum(relabelled_and_moved_count), 0) as bigint) as relabelled_and_moved_count,
        cast(coalesce(sum(text_changed_count), 0) as bigint) as text_changed_count,
        sum(edit_count) as edit_count,
        count(case when is_reviewed then 1 end) as reviewed_count,
        count(case when is_reviewed and outcome = 'accepted' then 1 end) as upheld_count
    from judged
    group by
        project_id,
        model_name,
        label_type
),

models as (
    select
        project_id,
        model_name,
        label_type,
        machine_label_count,
        asset_count,
        judged_label_count,
        accepted_count,
        edited_count,
        dropped_count,
        uncompared_count,
        {{ share('accepted_count', 'judged_count') }} as accepted_share,
        {{ wilson_low('accepted_count', 'judged_count') }} as accepted_share_low,
        {{ wilson_high('accepted_count', 'judged_count') }} as accepted_share_high,
        case when judged_count = 0 then 'nothing_compared' end as accepted_share_reason,
        judged_count,
        mean_score,
        case when scored_count = 0 then 'nothing_scored' end as mean_score_reason,
        scored_count,
        kept_count,
        added_count,
        removed_count,
        relabelled_count,
        moved_count,
        relabelled_and_moved_count,
        text_changed_count,
        {{ share('edit_count', 'judged_count') }} as edits_per_label,
        case when judged_count = 0 then 'nothing_compared' end as edits_per_label_reason,
        reviewed_count,
        upheld_count,
        {{ share('upheld_count', 'reviewed_count') }} as upheld_share,
        {{ wilson_low('upheld_count', 'reviewed_count') }} as upheld_share_low,
        {{ wilson_high('upheld_count', 'reviewed_count') }} as upheld_share_high,
        case when reviewed_count = 0 then 'nothing_reviewed' end as upheld_share_reason
    from counted
)

select * from models
