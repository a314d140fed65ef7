{#
    The aggregates of how long labels took, of a column of their seconds in which negative and
    unknown ones are null: total, total of each cut at the variable `seconds_cap`, median, 90th
    percentile, number, and why there are none.
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
