{#
    The assets whose state differs from the one that an incremental model has processed, whatever
    the dates of the exports; all assets in a full refresh.
#}
{% macro changed_assets() -%}
    select
        asset_id,
        state_hash
    from {{ ref('asset_state_hashes') }}
    {% if is_incremental() %}
        except
        select
            asset_id,
            state_hash
        from {{ this }}
    {% endif %}
{%- endmacro %}
