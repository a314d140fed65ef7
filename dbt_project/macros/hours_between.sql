{# The hours from one time to another, exact to the microsecond, as a double. #}
{% macro hours_between(start, end) -%}
    {{ adapter.dispatch('hours_between', 'kili_warehouse')(start, end) }}
{%- endmacro %}

{% macro default__hours_between(start, end) -%}
    cast(extract(epoch from {{ end }}) - extract(epoch from {{ start }}) as double) / 3600
{%- endmacro %}

{% macro duckdb__hours_between(start, end) -%}
    cast(epoch_us({{ end }}) - epoch_us({{ start }}) as double) / 3600000000
{%- endmacro %}

{% macro spark__hours_between(start, end) -%}
    cast(unix_micros({{ end }}) - unix_micros({{ start }}) as double) / 3600000000
{%- endmacro %}
