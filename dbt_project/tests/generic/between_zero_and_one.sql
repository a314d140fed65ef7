{# Every value is a share: 0 to 1, or null. The last digit of a mean may be inexact. #}
{% test between_zero_and_one(model, column_name) %}

select {{ column_name }}
from {{ model }}
where {{ column_name }} not between 0 and 1 + 1e-9

{% endtest %}
