{#
    True if a time is null or in the years 1 to 9999 in UTC, which every reader of the warehouse can
    show. Older loaders stored times outside these years.
#}
{% macro is_in_range(column) -%}
    coalesce(
        {{ column }} between cast('0001-01-01 00:00:00+00' as timestamp with time zone)
        and cast('9999-12-31 23:59:59.999999+00' as timestamp with time zone),
        true
    )
{%- endmacro %}
