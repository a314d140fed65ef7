{# The Monday of the ISO week of a time in UTC, whatever the session's time zone. #}
{% macro week_of(column) -%}
    {{ adapter.dispatch('week_of', 'kili_warehouse')(column) }}
{%- endmacro %}

{% macro default__week_of(column) -%}
    cast(date_trunc('week', {{ column }} at time zone 'UTC') as date)
{%- endmacro %}

{% macro spark__week_of(column) -%}
    trunc({{ spark__day_of(column) }}, 'WEEK')
{%- endmacro %}
