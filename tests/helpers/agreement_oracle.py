"""The marts of agreement, computed in plain Python with exact fractions from the quality contract alone."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import permutations
from typing import Any

from helpers.quality_oracle import Row, Z, grouped, mean, wilson
from helpers.ratings import Label, Rating, latest, ratings

Units = Sequence[Counter[str]]
NO_UNIT = "no_unit_with_two_ratings"


def categories(units: Units) -> set[str]:
    return {rating for unit in units for rating in unit}


def alpha(units: Units) -> Fraction | None:
    """Krippendorff's alpha by the coincidence matrix."""
    coincidences: Counter[tuple[str, str]] = Counter()
    for unit in units:
        for one, other in permutations(unit.elements(), 2):
            coincidences[one, other] += Fraction(1, unit.total() - 1)
    totals: Counter[str] = Counter()
    for (one, _), count in coincidences.items():
        totals[one] += count
    number = totals.total()
    observed = sum(count for (one, other), count in coincidences.items() if one != other)
    by_chance = sum(totals[one] * totals[other] for one, other in permutations(totals, 2))
    return 1 - (number - 1) * Fraction(observed) / by_chance if by_chance else None


def agreed(unit: Counter[str]) -> Fraction:
    equal = [one == other for one, other in permutations(unit.elements(), 2)]
    return Fraction(sum(equal), len(equal))


def agreement_share(units: Units) -> Fraction:
    return Fraction(sum(map(agreed, units)), len(units))


def ac1(units: Units, category_count: int) -> Fraction | None:
    if category_count < 2:
        return None
    shares = [
        sum(Fraction(unit[name], unit.total()) for unit in units) / Fraction(len(units)) for name in categories(units)
    ]
    chance = sum(share * (1 - share) for share in shares) / Fraction(category_count - 1)
    return (agreement_share(units) - chance) / (1 - chance)


def fleiss(units: Units) -> Row:
    sizes = Counter(unit.total() for unit in units)
    size = max(sizes, key=lambda size: (sizes[size], size), default=0)
    chosen = [unit for unit in units if unit.total() == size]
    votes = sum(chosen, Counter())
    reason = NO_UNIT if not units else "one_category_only" if len(votes) == 1 else None
    kappa = None
    if not reason:
        chance = sum(Fraction(count, votes.total()) ** 2 for count in votes.values())
        kappa = (agreement_share(chosen) - chance) / (1 - chance)
    return {
        "fleiss_kappa": kappa,
        "fleiss_rating_count": size,
        "fleiss_unit_count": len(chosen),
        "fleiss_kappa_reason": reason,
    }


def with_interval(name: str, units: Units, of: Callable[[Units], Fraction | None]) -> Row:
    """A coefficient, and its interval by leaving out one unit at a time."""
    whole = of(units) if units else None
    reason = NO_UNIT if not units else "one_category_only" if len(categories(units)) == 1 else None
    without = [of([*units[:n], *units[n + 1 :]]) for n in range(len(units))] if len(units) >= 10 else []
    low = high = None
    if (interval_reason := reason or _interval_reason(without)) is None:
        middle = sum(without) / Fraction(len(units))
        spread = sum((one - middle) ** 2 for one in without)
        error = Z * math.sqrt(spread * Fraction(len(units) - 1, len(units)))
        low, high = max(-1.0, whole - error), min(1.0, whole + error)
    return {
        name: None if reason else whole,
        f"{name}_low": low,
        f"{name}_high": high,
        f"{name}_reason": reason,
        f"{name}_interval_reason": interval_reason,
    }


def _interval_reason(without: list[Fraction | None]) -> str | None:
    if not without:
        return "too_few_units"
    if None in without:
        return "one_unit_decides"
    return "no_disagreement" if len(set(without)) == 1 else None


def agreement(made: list[Label]) -> list[Row]:
    found = []
    for (project_id, job_name), given in grouped(ratings(made), lambda one: (one.project_id, one.job_name)).items():
        units = [unit for unit in grouped(given, lambda one: one.asset_id).values() if len(unit) > 1]
        weeks = grouped(units, lambda unit: max(unit, key=lambda one: one.created_at).week)
        for scope, week, some in [("all", None, units), *(("week", week, some) for week, some in weeks.items())]:
            key = {"project_id": project_id, "job_name": job_name, "scope": scope, "week": week}
            found.append(key | _agreement(some))
    return found


def _agreement(units: list[list[Rating]]) -> Row:
    votes = [Counter(one.rating for one in unit) for unit in units]
    category_count = len(categories(votes))
    share = agreement_share(votes) if votes else None
    low, high = wilson(share * len(votes), len(votes)) if share is not None else (None, None)
    return {
        "unit_count": len(units),
        "rating_count": sum(map(len, units)),
        "annotator_count": len({one.annotator_id for unit in units for one in unit}),
        "category_count": category_count,
        "agreement_share": share,
        "agreement_share_low": low,
        "agreement_share_high": high,
        "agreement_share_reason": None if votes else NO_UNIT,
        **with_interval("alpha", votes, alpha),
        **fleiss(votes),
        **with_interval("ac1", votes, lambda some: ac1(some, category_count)),
    }


def cohen(one: list[str], other: list[str]) -> Fraction | None:
    count = len(one)
    equal = Fraction(sum(a == b for a, b in zip(one, other, strict=True)), count)
    chance = sum(Fraction(one.count(name) * other.count(name), count**2) for name in {*one})
    return (equal - chance) / (1 - chance) if chance != 1 else None


def agreement_pairs(made: list[Label]) -> list[Row]:
    rated = {(one.project_id, one.job_name) for one in ratings(made)}
    together = grouped(
        (
            (one, other)
            for own in grouped(latest(made), lambda label: label.asset_id).values()
            for one, other in permutations(own, 2)
        ),
        lambda pair: (pair[0].project_id, pair[0].annotator_id, pair[1].annotator_id),
    )
    found = []
    for (project_id, annotator_id, other_id), pairs in together.items():
        jobs = sorted({job for pair in pairs for label in pair for job in _said(label)})
        for job in (None, *jobs):
            key = {"project_id": project_id, "job_name": job, "annotator_id": annotator_id}
            scores = [_score(*pair, job) for pair in pairs if job is None or any(job in _said(label) for label in pair)]
            found.append(
                key
                | {"other_annotator_id": other_id, "asset_count": len(scores)}
                | {
                    _RENAMED.get(name, name): value
                    for name, value in mean("mean_score", "scored_count", scores).items()
                }
                | _matches(pairs, job, (project_id, job) in rated)
            )
    return found


_RENAMED = {"mean_score_reason": "score_reason"}


def _said(label: Label) -> dict[str, tuple[str, ...]]:
    """The rating of a label in each of its jobs."""
    return label.answer | ({"TEXT": ("same",)} if label.is_text_named else {})


def _score(one: Label, other: Label, job: str | None) -> float | None:
    """Jaccard's index of the answers; over all jobs their mean."""
    if job is None:
        scores = [_score(one, other, name) for name in {**_said(one), **_said(other)}]
        return sum(scores) / len(scores) if scores else None
    left, right = ({*_said(label).get(job, ())} for label in (one, other))
    return len(left & right) / len(left | right)


def _matches(pairs: list[tuple[Label, Label]], job: str | None, is_rated: bool) -> Row:
    both = [[" | ".join(label.answer[job]) for label in pair] for pair in pairs if all(job in a.answer for a in pair)]
    reason = "whole_label" if job is None else "not_classification" if not is_rated else None
    reason = reason or (None if both else "nothing_scored")
    equal = sum(one == other for one, other in both)
    low, high = wilson(equal, len(both))
    kappa = cohen([one for one, _ in both], [other for _, other in both]) if both else None
    return {
        "rating_count": len(both),
        "agreement_share": equal / len(both) if both else None,
        "agreement_share_low": low,
        "agreement_share_high": high,
        "agreement_share_reason": reason,
        "cohen_kappa": kappa,
        "kappa_reason": reason or ("one_category_only" if kappa is None else None),
    }


def consensus(made: list[Label]) -> list[Row]:
    """Rows of marts.consensus without the columns of Dawid-Skene."""
    reviews: dict[str, Label] = {}
    for label in sorted(made, key=lambda label: label.created_at):
        if label.label_type == "REVIEW":
            reviews[label.asset_id] = label
    found = []
    for (asset_id, job_name), unit in grouped(ratings(made), lambda one: (one.asset_id, one.job_name)).items():
        if len(unit) > 1:
            votes = Counter(one.rating for one in unit)
            most = max(votes.values())
            leading = [rating for rating, count in votes.items() if count == most]
            shares = [count / votes.total() for count in votes.values()]
            said: Any = reviews[asset_id].answer.get(job_name) if asset_id in reviews else None
            found.append(
                {
                    "asset_id": asset_id,
                    "project_id": unit[0].project_id,
                    "external_id": f"{asset_id}.jpg",
                    "job_name": job_name,
                    "rating_count": len(unit),
                    "value_count": len(votes),
                    "majority_value": leading[0] if len(leading) == 1 else None,
                    "majority_reason": None if len(leading) == 1 else "tie",
                    "majority_share": most / votes.total(),
                    "entropy": -sum(share * math.log2(share) for share in shares),
                    "review_value": " | ".join(said) if said else None,
                }
            )
    return found
