{#
    Deletes the rows of every asset that a load has touched since this incremental model last saw
    it. `delete+insert` deletes only for assets that have new rows; one whose rows are all gone, as
    when its answer becomes one without annotations, would keep the old ones.
#}
{% macro delete_touched_assets() %}
    {% if is_incremental() %}
        delete from {{ this }}
        where (asset_id, load_count) not in (
            select
                asset_id,
                load_count
            from {{ ref('asset_loads') }}
        )
    {% endif %}
{% endmacro %}
