{#
    True for the rows of loads that dlt finished: a load that died half-way has no row in
    `_dlt_loads`, and one that was resumed may have two.
#}
{% macro is_of_finished_load(schema='kili') -%}
    _dlt_load_id in (select load_id from {{ source(schema, '_dlt_loads') }} where status = 0)
{%- endmacro %}
