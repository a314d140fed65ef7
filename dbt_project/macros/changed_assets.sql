{#
    The assets whose state is not the one that an incremental model has worked on, whatever the
    date of the exports that changed it; all of them where it is built anew.
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
