"""Labels, pairs of labels and the rules for numbers of the quality contract, in plain Python."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

Row = dict[str, Any]
Z = 1.959963984540054


@dataclass(frozen=True)
class Label:
    key: str
    asset_id: str
    project_id: str | None
    external_id: str | None
    asset_is_honeypot: bool | None
    is_used_for_consensus: bool | None
    label_type: str
    author_id: str | None
    email: str | None
    created_at: datetime
    skipped: bool | None
    sent_back: bool | None
    is_honeypot: bool | None
    seconds: float | None
    categories: frozenset[str] | None  # None: no answer

    @property
    def order(self) -> tuple[datetime, str]:
        return (self.created_at, self.key)

    @property
    def week(self) -> date:
        return self.created_at.date() - timedelta(days=self.created_at.weekday())

    @property
    def is_truth(self) -> bool:
        if self.is_honeypot is not None:
            return self.is_honeypot
        return bool(self.asset_is_honeypot) and self.label_type == "REVIEW"

    def plays(self, label_type: str, *, skipped: bool = False) -> bool:
        return self.label_type == label_type and bool(self.skipped) == skipped and not self.is_truth

    @property
    def usable_seconds(self) -> float | None:
        return self.seconds if self.seconds is not None and self.seconds >= 0 else None


@dataclass(frozen=True)
class Pair:
    """Two labels compared: score, and number of edits except kept; both null if there is nothing to compare."""

    left: Label
    right: Label
    review_round: int = 0

    @property
    def score(self) -> float | None:
        left, right = self.left.categories, self.right.categories
        if left is None or right is None or not left | right:
            return None
        return len(left & right) / len(left | right)

    @property
    def edits(self) -> int | None:
        left, right = self.left.categories, self.right.categories
        if left is None or right is None:
            return None
        gone, new = len(left - right), len(right - left)
        return 1 if (gone, new) == (1, 1) else gone + new

    @property
    def is_unchanged(self) -> bool | None:
        return None if self.edits is None else self.edits == 0

    @property
    def is_self(self) -> bool:
        return self.left.author_id == self.right.author_id


def wilson(part: int, whole: int) -> tuple[float | None, float | None]:
    if not whole:
        return None, None
    p = part / whole
    centre, half = p + Z**2 / (2 * whole), Z * math.sqrt(p * (1 - p) / whole + Z**2 / (4 * whole**2))
    width = 1 + Z**2 / whole
    return max(0.0, (centre - half) / width), min(1.0, (centre + half) / width)


def share(name: str, part: int, whole: int, reason: str) -> Row:
    low, high = wilson(part, whole)
    value = part / whole if whole else None
    return {name: value, f"{name}_low": low, f"{name}_high": high, f"{name}_reason": None if whole else reason}


def mean(name: str, count: str, values: Iterable[float | None], reason: str = "nothing_scored") -> Row:
    known = [value for value in values if value is not None]
    value = sum(known) / len(known) if known else None
    return {name: value, count: len(known), f"{name}_reason": None if known else reason}


def percentile(values: Sequence[float], fraction: float) -> float | None:
    return float(np.quantile(values, fraction)) if values else None


def seconds(labels: Iterable[Label]) -> Row:
    known = [one.usable_seconds for one in labels if one.usable_seconds is not None]
    return {
        "total_seconds": sum(known) if known else None,
        "capped_seconds": sum(min(one, 1800) for one in known) if known else None,
        "median_seconds": percentile(known, 0.5),
        "p90_seconds": percentile(known, 0.9),
        "seconds_count": len(known),
        "seconds_reason": None if known else "not_exported",
    }


def flagged(name: str, count: int, flags: Iterable[bool | None]) -> Row:
    """A count of flagged labels and its reason; null if no label has the flag."""
    is_exported = any(flag is not None for flag in flags)
    return {name: count if is_exported else None, f"{name}_reason": None if is_exported else "not_exported"}


def grouped(rows: Iterable[Any], key: Callable[[Any], Any]) -> dict[Any, list[Any]]:
    groups = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups
