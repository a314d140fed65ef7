{#
    One row for each row of `bounds` and day from its `first_day` to its `last_day`, both included:
    the columns `keys` of `bounds`, and `day`.
#}
{% macro day_spine(bounds, keys) -%}
    {{ adapter.dispatch('day_spine', 'kili_warehouse')(bounds, keys) }}
{%- endmacro %}

{% macro default__day_spine(bounds, keys) -%}
    select
        {% for key in keys %}bounds.{{ key }}, {% endfor %}
        cast(days.day as date) as day
    from {{ bounds }} as bounds
    cross join lateral
        generate_series(bounds.first_day, bounds.last_day, interval '1 day') as days (day)
{%- endmacro %}

{% macro spark__day_spine(bounds, keys) -%}
    select
        {% for key in keys %}{{ key }}, {% endfor %}
        explode(sequence(first_day, last_day)) as day
    from {{ bounds }}
{%- endmacro %}
