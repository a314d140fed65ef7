{#
    What sightings are ordered by: the date of the export, an undated one first, then the asset's
    version, then the export.
#}
{% macro sighting_order() -%}
    row(coalesce(as_of, cast('0001-01-01 00:00:00+00' as timestamp with time zone)), asset_version, export_id)
{%- endmacro %}
