{#
    Aggregate: the value at a fraction 0 to 1 of the ranks, linear between two ranks (numpy's
    default). Nulls are ignored. Null without a value.
#}
{% macro percentile(column, fraction) -%}
    {{ adapter.dispatch('percentile', 'kili_warehouse')(column, fraction) }}
{%- endmacro %}

{% macro default__percentile(column, fraction) -%}
    percentile_cont({{ fraction }}) within group (order by {{ column }} asc nulls last)
{%- endmacro %}
