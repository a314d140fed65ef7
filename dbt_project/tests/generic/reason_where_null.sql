{#
    A reason is set exactly where its measures are null. `reasons` names the measures of each
    column of reasons.
#}
{% test reason_where_null(model, reasons) %}

select *
from {{ model }}
where
    false
    {% for reason, measures in reasons.items() %}
    {% for measure in measures %}
    or ({{ measure }} is null) != ({{ reason }} is not null)
    {% endfor %}
    {% endfor %}

{% endtest %}
