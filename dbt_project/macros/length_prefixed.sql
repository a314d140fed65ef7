{# A text after its length. Different lists of such texts never give the same concatenated text. #}
{% macro length_prefixed(column) -%}
    cast(length({{ column }}) as {{ dbt.type_string() }}) || ':' || {{ column }}
{%- endmacro %}
