{# True for rows of `source` whose asset version has no time out of range. #}
{% macro is_of_asset_in_range() -%}
    not exists (
        select 1
        from {{ source('kili', 'assets') }} as assets
        where
            assets.asset_id = source.asset_id
            and assets.asset_version = source.asset_version
            and not ({{ is_in_range('assets.created_at') }} and {{ is_in_range('assets.updated_at') }})
    )
{%- endmacro %}
