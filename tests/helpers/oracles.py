"""Statistics by other packages, in the environment of `make .venv-oracles/.ready`: JSON questions in, JSON answers out.

A question is a list: the name of a function of this module and its arguments. Undefined is null.
"""

import json
import math
import sys
from collections.abc import Sequence

import krippendorff
import numpy as np
import pandas as pd
from crowdkit.aggregation import DawidSkene
from sklearn.metrics import cohen_kappa_score, precision_recall_fscore_support
from statsmodels.stats.inter_rater import fleiss_kappa
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


def alpha(ratings: Sequence[Sequence[str | None]]) -> float | None:
    """Krippendorff's alpha of nominal ratings: of each annotator the rating of each unit, null where there is none."""
    names = sorted({name for row in ratings for name in row if name is not None})
    numbers = [[np.nan if name is None else names.index(name) for name in row] for row in ratings]
    if len(names) == 1:
        return None  # the package raises an error
    return float(krippendorff.alpha(reliability_data=numbers, level_of_measurement="nominal"))


def fleiss(votes: Sequence[Sequence[int]]) -> float | None:
    """Fleiss' kappa: of each unit the votes for each rating."""
    with np.errstate(invalid="ignore"):
        return _defined(fleiss_kappa(np.asarray(votes)))


def cohen(one: Sequence[str], other: Sequence[str]) -> float | None:
    """Cohen's kappa of two annotators' ratings of the same assets."""
    return _defined(cohen_kappa_score(one, other))


def dawid_skene(
    units: Sequence[str], annotators: Sequence[str], ratings: Sequence[str], iteration_count: int
) -> dict[str, dict[str, float]]:
    """The probability of each rating by unit."""
    table = pd.DataFrame({"task": units, "worker": annotators, "label": ratings})
    found = DawidSkene(n_iter=iteration_count, tol=-math.inf).fit_predict_proba(table)
    return {unit: row.to_dict() for unit, row in found.iterrows()}


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


FUNCTIONS = {
    function.__name__: function
    for function in (wilson, newcombe, percentiles, quality, alpha, fleiss, cohen, dawid_skene)
}

if __name__ == "__main__":
    json.dump([FUNCTIONS[name](*arguments) for name, *arguments in json.load(sys.stdin)], sys.stdout)
