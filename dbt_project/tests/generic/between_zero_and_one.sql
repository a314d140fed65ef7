{# Every value is a share: 0 to 1, or null. A mean of ones may be off in the last digit. #}
{% test between_zero_and_one(model, column_name) %}

select {{ column_name }}
from {{ model }}
where {{ column_name }} not between 0 and 1 + 1e-9

{% endtest %}
