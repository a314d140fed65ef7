{#
    True for rows of loads that dlt finished. A load that failed has no row in `_dlt_loads`, and a
    resumed load may have two.
#}
{% macro is_of_finished_load(schema='kili') -%}
    _dlt_load_id in (select load_id from {{ source(schema, '_dlt_loads') }} where status = 0)
{%- endmacro %}
