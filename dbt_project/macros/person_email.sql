{# An e-mail address as it names a person: in lower case; an empty one names nobody. #}
{% macro person_email(column) -%}
    nullif(lower({{ column }}), '')
{%- endmacro %}
