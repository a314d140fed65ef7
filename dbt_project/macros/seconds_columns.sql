{#
    The aggregates of a column of seconds, in which negative and unknown values are null: total,
    total with each value cut at the variable `seconds_cap`, median, 90th percentile, number, and the
    reason if there is no value.
#}
{% macro seconds_columns(seconds) -%}
    sum({{ seconds }}) as total_seconds,
    sum(
        case
            when {{ seconds }} > {{ var('seconds_cap') }} then {{ var('seconds_cap') }}
            else {{ seconds }}
        end
    ) as capped_seconds,
    {{ percentile(seconds, 0.5) }} as median_seconds,
    {{ percentile(seconds, 0.9) }} as p90_seconds,
    count({{ seconds }}) as seconds_count,
    case when count({{ seconds }}) = 0 then 'not_exported' end as seconds_reason
{%- endmacro %}
