{# True if two rows of the models about agreement have the same project, job, scope and week. #}
{% macro is_same_scope(left, right) -%}
    {{ left }}.scope = {{ right }}.scope
    and {{ left }}.week is not distinct from {{ right }}.week
    and {{ left }}.project_id is not distinct from {{ right }}.project_id
    and {{ left }}.job_name = {{ right }}.job_name
{%- endmacro %}
