{# The time under a key of a JSON object; null without one. #}
{% macro json_time(column, key) -%}
    try_cast({{ column }} ->> '{{ key }}' as timestamp with time zone)
{%- endmacro %}
