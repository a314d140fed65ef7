{{ config(meta={'dagster': {'ref': {'name': 'annotators'}}}) }}

-- An annotator's counts, except of assets, are the sums over `annotator_weeks`.
with

annotators as (
    select
        project_id,
        annotator_id,
        label_count,
        annotation_count,
        coalesce(skipped_count, 0) as skipped_count,
        accepted_count,
        fixed_count,
        coalesce(sent_back_count, 0) as sent_back_count,
        uncompared_count,
        self_reviewed_count,
        superseded_count,
        unreviewed_count,
        reviewed_count,
        scored_count,
        agreement_asset_count,
        honeypot_count,
        prediction_count,
        seconds_count
    from {{ ref('annotators') }}
),

weeks as (
    select * from {{ ref('annotator_weeks') }}
),

summed as (
    select
        project_id,
        annotator_id,
        cast(sum(label_count) as bigint) as label_count,
        cast(sum(annotation_count) as bigint) as annotation_count,
        cast(coalesce(sum(skipped_count), 0) as bigint) as skipped_count,
        cast(sum(accepted_count) as bigint) as accepted_count,
        cast(sum(fixed_count) as bigint) as fixed_count,
        cast(coalesce(sum(sent_back_count), 0) as bigint) as sent_back_count,
        cast(sum(uncompared_count) as bigint) as uncompared_count,
        cast(sum(self_reviewed_count) as bigint) as self_reviewed_count,
        cast(sum(superseded_count) as bigint) as superseded_count,
        cast(sum(unreviewed_count) as bigint) as unreviewed_count,
        cast(sum(reviewed_count) as bigint) as reviewed_count,
        cast(sum(scored_count) as bigint) as scored_count,
        cast(sum(agreement_asset_count) as bigint) as agreement_asset_count,
        cast(sum(honeypot_count) as bigint) as honeypot_count,
        cast(sum(prediction_count) as bigint) as prediction_count,
        cast(sum(seconds_count) as bigint) as seconds_count
    from weeks
    group by
        project_id,
        annotator_id
),

differences as (
    (
        select * from annotators
        except
        select * from summed
    )
    union all
    (
        select * from summed
        except
        select * from annotators
    )
)

select * from differences
