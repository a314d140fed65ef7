{#
    An aggregate: the value at a fraction 0 to 1 of the ranks, linear between two ranks (numpy's
    default). Nulls are left out; null where there is no value.
#}
{% macro percentile(column, fraction) -%}
    {{ adapter.dispatch('percentile', 'kili_warehouse')(column, fraction) }}
{%- endmacro %}

{% macro default__percentile(column, fraction) -%}
    percentile_cont({{ fraction }}) within group (order by {{ column }} asc nulls last)
{%- endmacro %}
