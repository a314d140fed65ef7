{# The date of a time in UTC, whatever the session's time zone. #}
{% macro day_of(column) -%}
    {{ adapter.dispatch('day_of', 'kili_warehouse')(column) }}
{%- endmacro %}

{% macro default__day_of(column) -%}
    cast({{ column }} at time zone 'UTC' as date)
{%- endmacro %}

{# Spark truncates in the session's time zone, so this counts whole days since 1970 in UTC. #}
{% macro spark__day_of(column) -%}
    date_add(date '1970-01-01', cast(floor(unix_seconds({{ column }}) / 86400) as int))
{%- endmacro %}
