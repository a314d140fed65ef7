{#
    Every value of the columns is a share: 0 to 1, or null. The last digit of a mean may be
    inexact.
#}
{% test all_between_zero_and_one(model, columns) %}

select *
from {{ model }}
where
    false
    {% for column in columns %}
    or {{ column }} not between 0 and 1 + 1e-9
    {% endfor %}

{% endtest %}
