{# The e-mail address that identifies a person: in lower case; null if empty. #}
{% macro person_email(column) -%}
    nullif(lower({{ column }}), '')
{%- endmacro %}
