{# `part` / `whole` as a double; null if the whole is 0 or null. #}
{% macro share(part, whole) -%}
    cast({{ part }} as double) / nullif({{ whole }}, 0)
{%- endmacro %}
