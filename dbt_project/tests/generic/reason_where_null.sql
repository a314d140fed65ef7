{#
    A reason is not null if and only if its measures are null. `reasons` maps each column of reasons
    to its measures.
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
