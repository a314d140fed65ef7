{# The newest value of a column that is not null. #}
{% macro newest(column, recency='recency') -%}
    max_by({{ column }}, {{ recency }}) filter (where {{ column }} is not null)
{%- endmacro %}
