{# The value of a column in the newest of the sightings that have one. #}
{% macro newest(column, recency='recency') -%}
    max_by({{ column }}, {{ recency }}) filter (where {{ column }} is not null)
{%- endmacro %}
