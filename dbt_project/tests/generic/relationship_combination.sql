{# The values of the columns, if none is null, are a row of the same columns of `to`. #}
{% test relationship_combination(model, columns, to) %}

select {% for column in columns %}child.{{ column }}{{ ', ' if not loop.last }}{% endfor %}

from {{ model }} as child
left join {{ to }} as parent
    on {% for column in columns %}child.{{ column }} = parent.{{ column }}
    {{ 'and ' if not loop.last }}{% endfor %}

where
    parent.{{ columns[0] }} is null
    {% for column in columns %}
    and child.{{ column }} is not null
    {% endfor %}

{% endtest %}
