{#
    The limits of the Wilson interval at 95 % for the share `successes` of `trials` [Wilson 1927;
    statsmodels `proportion_confint(method="wilson")`], cut to 0..1; null without trials.
    Each is c - h or c + h, where c = (p + z^2/2n) / (1 + z^2/n) and
    h = z * sqrt(p(1 - p)/n + z^2/4n^2) / (1 + z^2/n).
#}
{% macro wilson_low(successes, trials) -%}
    {{ adapter.dispatch('wilson_low', 'kili_warehouse')(successes, trials) }}
{%- endmacro %}

{% macro wilson_high(successes, trials) -%}
    {{ adapter.dispatch('wilson_high', 'kili_warehouse')(successes, trials) }}
{%- endmacro %}

{% macro default__wilson_low(successes, trials) -%}
    {{ wilson_limit(successes, trials, 'greatest(cast(0 as double), ', '-') }}
{%- endmacro %}

{% macro default__wilson_high(successes, trials) -%}
    {{ wilson_limit(successes, trials, 'least(cast(1 as double), ', '+') }}
{%- endmacro %}

{# `greatest` and `least` skip nulls on some engines, so the case comes first. #}
{% macro wilson_limit(successes, trials, cut, sign) -%}
    {% set z = 'cast(1.959963984540054 as double)' %}
    {% set n = 'cast(' ~ trials ~ ' as double)' %}
    {% set p = '(cast(' ~ successes ~ ' as double) / ' ~ n ~ ')' %}
    case
        when {{ trials }} > 0
            then {{ cut }}
            (
                {{ p }} + {{ z }} * {{ z }} / (2 * {{ n }}) {{ sign }} {{ z }} * sqrt(
                    {{ p }} * (1 - {{ p }}) / {{ n }} + {{ z }} * {{ z }} / (4 * {{ n }} * {{ n }})
                )
            )
            / (1 + {{ z }} * {{ z }} / {{ n }}))
    end
{%- endmacro %}
