{#
    Aggregate: the texts of a group that are not null, joined by `separator` (a SQL literal), in
    ascending order of the expressions `order_by`, which are never null. Null without a text.
#}
{% macro ordered_string_agg(text, separator, order_by) -%}
    {{ adapter.dispatch('ordered_string_agg', 'kili_warehouse')(text, separator, order_by) }}
{%- endmacro %}

{% macro default__ordered_string_agg(text, separator, order_by) -%}
    string_agg({{ text }}, {{ separator }} order by {{ order_by | join(' asc nulls last, ') }} asc nulls last)
{%- endmacro %}

{# On Spark `listagg` ignores the order. #}
{% macro spark__ordered_string_agg(text, separator, order_by) -%}
    case
        when count({{ text }}) > 0
            then array_join(
                transform(
                    array_sort(
                        collect_list(
                            struct({% for place in order_by %}{{ place }} as place_{{ loop.index }}, {% endfor %}{{ text }} as text)
                        )
                    ),
                    item -> item.text
                ),
                {{ separator }}
            )
    end
{%- endmacro %}
