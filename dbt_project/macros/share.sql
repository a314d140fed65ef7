{# `part` of `whole` as a fraction of type double; null where the whole is 0 or null. #}
{% macro share(part, whole) -%}
    cast({{ part }} as double) / nullif({{ whole }}, 0)
{%- endmacro %}
