"""Statistics of other packages, in the environment of `make .venv-oracles/.ready`: JSON questions in, JSON answers out.

A question is a list: the name of a function of this module and its arguments. Undefined is null.
"""

import json
import math
import sys
from collections.abc import Sequence

import numpy as np
from sklearn.metrics import precision_recall_fscore_support
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint


def wilson(successes: int, trials: int) -> list[float]:
    """Limits of the 95 % interval of a share."""
    return [float(limit) for limit in proportion_confint(successes, trials, method="wilson")]


def newcombe(successes: int, trials: int, other_successes: int, other_trials: int) -> list[float]:
    """Limits of the 95 % interval of the difference of two shares (Newcombe 1998, method 10)."""
    limits = confint_proportions_2indep(successes, trials, other_successes, other_trials, method="newcomb")
    return [float(limit) for limit in limits]


def percentiles(values: Sequence[float], *shares: float) -> list[float]:
    """Percentiles, linear between ranks."""
    return np.percentile(values, [100 * share for share in shares]).tolist()


def quality(chosen: Sequence[str], reviewed: Sequence[str], category: str) -> list[float | None]:
    """Precision, recall and F1 of a category."""
    found = precision_recall_fscore_support(reviewed, chosen, labels=[category], zero_division=np.nan)[:3]
    return [None if math.isnan(value[0]) else float(value[0]) for value in found]


FUNCTIONS = {function.__name__: function for function in (wilson, newcombe, percentiles, quality)}

if __name__ == "__main__":
    json.dump([FUNCTIONS[name](*arguments) for name, *arguments in json.load(sys.stdin)], sys.stdout)
