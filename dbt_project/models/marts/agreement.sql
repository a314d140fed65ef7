{{ config(materialized='table') }}
{% set z = 'cast(1.959963984540054 as double)' %}

with

totals as (
    select * from {{ ref('agreement_totals') }}
),

agreement_units as (
    select * from {{ ref('agreement_units') }}
),

-- The coefficients of all units except one: the terms of that unit are subtracted from the sums.
without_one as (
    select
        totals.scope,
        totals.week,
        totals.project_id,
        totals.job_name,
        totals.alpha as whole_alpha,
        totals.ac1 as whole_ac1,
        1 - {{
            share(
                '(totals.rating_count - agreement_units.rating_count - 1)'
                ' * (totals.disagreement_sum - agreement_units.disagreement)',
                '(totals.rating_count - agreement_units.rating_count)'
                ' * (totals.rating_count - agreement_units.rating_count)'
                ' - totals.category_square_sum'
                ' + 2 * agreement_units.vote_product'
                ' - agreement_units.vote_square_sum',
            )
        }} as alpha,
        {{
            share(
                'totals.agreement_sum - agreement_units.agreement_share',
                'totals.unit_count - 1',
            )
        }} as agreement_share,
        (
            1 - {{
                share(
                    'totals.share_square_sum'
                    ' - 2 * agreement_units.share_product'
                    ' + agreement_units.share_square_sum',
                    '(totals.unit_count - 1) * (totals.unit_count - 1)',
                )
            }}
        ) / nullif(totals.category_count - 1, 0) as ac1_chance
    from totals
    inner join agreement_units
        on {{ is_same_scope('totals', 'agreement_units') }}
    where totals.unit_count >= 10
),

-- Differences from the coefficient of all units have the same variance and lose fewer digits.
differences as (
    select
        scope,
        week,
        project_id,
        job_name,
        alpha - whole_alpha as alpha,
        (agreement_share - ac1_chance) / (1 - ac1_chance) - whole_ac1 as ac1
    from without_one
),

spreads as (
    select
        scope,
        week,
        project_id,
        job_name,
        count(alpha) as alpha_estimate_count,
        max(alpha) - min(alpha) as alpha_range,
        sqrt(count(*) - 1) * stddev_pop(alpha) as alpha_standard_error,
        max(ac1) - min(ac1) as ac1_range,
        sqrt(count(*) - 1) * stddev_pop(ac1) as ac1_standard_error
    from differences
    group by
        scope,
        week,
        project_id,
        job_name
),

-- Sums of doubles are inexact, so equal estimates may differ in their last digits.
reasons as (
    select
        totals.*,
        spreads.alpha_standard_error,
        spreads.ac1_standard_error,
        case
            when totals.unit_count = 0 then 'no_unit_with_two_ratings'
        end as agreement_share_reason,
        case
            when totals.unit_count = 0 then 'no_unit_with_two_ratings'
            when totals.category_count = 1 then 'one_category_only'
        end as coefficient_reason,
        case
            when totals.unit_count = 0 then 'no_unit_with_two_ratings'
            when totals.fleiss_category_count = 1 then 'one_category_only'
        end as fleiss_kappa_reason,
        case
            when totals.unit_count = 0 then 'no_unit_with_two_ratings'
            when totals.category_count = 1 then 'one_category_only'
            when totals.unit_count < 10 then 'too_few_units'
            when spreads.alpha_estimate_count < totals.unit_count then 'one_unit_decides'
            when spreads.alpha_range <= 1e-12 then 'no_disagreement'
        end as alpha_interval_reason,
        case
            when totals.unit_count = 0 then 'no_unit_with_two_ratings'
            when totals.category_count = 1 then 'one_category_only'
            when totals.unit_count < 10 then 'too_few_units'
            when spreads.ac1_range <= 1e-12 then 'no_disagreement'
        end as ac1_interval_reason
    from totals
    left join spreads
        on {{ is_same_scope('totals', 'spreads') }}
),

agreement as (
    select
        project_id,
        job_name,
        scope,
        week,
        unit_count,
        rating_count,
        annotator_count,
        category_count,
        agreement_share,
        {{ wilson_low('agreement_sum', 'unit_count') }} as agreement_share_low,
        {{ wilson_high('agreement_sum', 'unit_count') }} as agreement_share_high,
        agreement_share_reason,
        alpha,
        case
            when alpha_interval_reason is null
                then greatest(cast(-1 as double), alpha - {{ z }} * alpha_standard_error)
        end as alpha_low,
        case
            when alpha_interval_reason is null
                then least(cast(1 as double), alpha + {{ z }} * alpha_standard_error)
        end as alpha_high,
        coefficient_reason as alpha_reason,
        alpha_interval_reason,
        fleiss_kappa,
        fleiss_rating_count,
        fleiss_unit_count,
        fleiss_kappa_reason,
        ac1,
        case
            when ac1_interval_reason is null
                then greatest(cast(-1 as double), ac1 - {{ z }} * ac1_standard_error)
        end as ac1_low,
        case
            when ac1_interval_reason is null
                then least(cast(1 as double), ac1 + {{ z }} * ac1_standard_error)
        end as ac1_high,
        coefficient_reason as ac1_reason,
        ac1_interval_reason
    from reasons
)

select * from agreement
