{#
    The sort key of sightings: the date of the export (undated exports first), then the asset's
    version, then the export id.
#}
{% macro sighting_order() -%}
    row(coalesce(as_of, cast('0001-01-01 00:00:00+00' as timestamp with time zone)), asset_version, export_id)
{%- endmacro %}
