{# True for the answer `{}`; a failed download looks like that. #}
{% macro is_empty_answer(json_response) -%}
    cast({{ json_response }} as {{ dbt.type_string() }}) = '{}'
{%- endmacro %}
