"""The Dawid-Skene model: the probable true value of each unit, from what several annotators say of it.

A. P. Dawid and A. M. Skene, Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm, Journal of
the Royal Statistical Society, Series C 28 (1979) 20-28. An annotator is described by error rates: how often they give
each value where another is true. The results equal those of crowd-kit's `DawidSkene` after as many iterations.

Raise the variable `dawid_skene_version` in dbt_project.yml with every change that may change a result.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import sparse

from pipelines.comparison.arrays import Floats, Integers

_ITERATIONS: Final = 200
_CONVERGED: Final = 1e-6
_TIE: Final = 1e-9
_LEAST_RATE: Final = 1e-10


@dataclass(frozen=True, eq=False)
class Fit:
    """For each unit its most probable value, ties within 1e-9 the least, and the probability of it, 0 to 1."""

    value: Integers
    confidence: Floats
    iteration_count: int


def fit(unit: Integers, annotator: Integers, value: Integers) -> Fit:
    """Fits the model to ratings: which unit, by which annotator, which value, each numbered from 0 without gaps.

    Ends with the first iteration that moves no probability by more than 1e-6, or the 200th. Sums are added in the
    order of the ratings, so the same order gives the same bits.
    """
    value_count = int(value.max()) + 1
    answers, answer = np.unique(annotator * value_count + value, return_inverse=True)
    first_answers = np.unique(answers // value_count, return_index=True)[1]
    given = sparse.csr_array((np.ones(len(unit)), (answer, unit)))
    received = given.T.tocsr()
    votes = np.bincount(unit * value_count + value, minlength=given.shape[1] * value_count).reshape(-1, value_count)
    posterior = votes / votes.sum(axis=1, keepdims=True)
    iteration_count, is_converged = 0, False
    while not is_converged and iteration_count < _ITERATIONS:
        moved = posterior
        log_prior, log_rates = _maximize(posterior, given, first_answers)
        posterior = _expect(received @ log_rates, log_prior)
        moved -= posterior
        is_converged = max(moved.max(), -moved.min()) <= _CONVERGED
        iteration_count += 1
    confidence = posterior.max(axis=1)
    return Fit((posterior >= confidence[:, None] - _TIE).argmax(axis=1), confidence, iteration_count)


def _maximize(posterior: Floats, given: sparse.csr_array, first_answers: Integers) -> tuple[Floats, Floats]:
    """Logarithms of the share of each true value, and of the rate of each annotator's answer where that is true.

    Answers are numbered by annotator; `first_answers` is the first of each.
    """
    rates = np.maximum(given @ posterior, _LEAST_RATE)
    sums = np.add.reduceat(rates, first_answers)
    rates /= np.repeat(sums, np.diff(first_answers, append=len(rates)), axis=0)
    return np.log(np.maximum(posterior.mean(axis=0), _LEAST_RATE)), np.log(rates)


def _expect(log_likelihood: Floats, log_prior: Floats) -> Floats:
    """The probability of each true value, by unit; in the same memory, which saves half the time."""
    log_likelihood += log_prior
    log_likelihood -= log_likelihood.max(axis=1, keepdims=True)
    likelihood = np.exp(log_likelihood, out=log_likelihood)
    likelihood /= likelihood.sum(axis=1, keepdims=True)
    return likelihood
