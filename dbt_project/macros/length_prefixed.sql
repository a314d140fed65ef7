{# A text behind its length: of texts joined so, no two lists give the same text. #}
{% macro length_prefixed(column) -%}
    cast(length({{ column }}) as {{ dbt.type_string() }}) || ':' || {{ column }}
{%- endmacro %}
