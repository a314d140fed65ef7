{# The variable `as_of` as a SQL literal. #}
{% macro as_of() -%}
    cast('{{ var("as_of") }}' as timestamp with time zone)
{%- endmacro %}
