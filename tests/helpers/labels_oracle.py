"""Assets, labels and pairs of labels by the quality contract, in plain Python.

Answers are one classification job KIND and one box in job BOX, so that a pair of labels can be scored by hand.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

Row = tuple[Any, ...]
Edit = tuple[str, str | None, str | None, float | None, str]
"""Job, category on the left and on the right, overlap, and edit of the annotation."""


@dataclass(frozen=True)
class Answer:
    """The categories of job KIND, and the width of the box in job BOX; None for no box."""

    kinds: frozenset[str] = frozenset()
    width: float | None = None

    @property
    def annotation_count(self) -> int:
        return len(self.kinds) + (self.width is not None)


@dataclass
class Label:
    """A label in its current state."""

    key: str
    type: str
    author: str | None
    at: datetime
    answer: Answer | None
    model: str | None = None
    is_skipped: bool | None = None
    is_sent_back: bool | None = None
    is_truth: bool | None = None
    is_carried_over: bool = False
    role: str | None = None


@dataclass
class Asset:
    """An asset in its current state; `known_at` are the times at which it is known to have been there."""

    id: str
    project: str | None
    status: str | None
    is_honeypot: bool | None
    is_used_for_consensus: bool | None
    known_at: list[datetime]
    every_label: list[Label]

    def __post_init__(self) -> None:
        for label in self.every_label:
            label.role = _role(label, self)

    @property
    def labels(self) -> list[Label]:
        """Its labels but AUTOSAVE, oldest first."""
        return sorted((one for one in self.every_label if one.type != "AUTOSAVE"), key=lambda one: (one.at, one.key))

    def of(self, role: str) -> list[Label]:
        """Its labels of a role, oldest first."""
        return [label for label in self.labels if label.role == role]

    def latest_work(self, until: datetime | None = None) -> dict[str, Label]:
        """The latest work label of each known annotator."""
        return {one.author: one for one in self.of("work") if one.author and (until is None or one.at <= until)}


@dataclass(frozen=True)
class Compared:
    """Two labels compared: the score, and what became of each annotation."""

    score: float | None
    edits: tuple[Edit, ...]

    @property
    def is_unchanged(self) -> bool:
        return all(edit[-1] == "kept" for edit in self.edits)


def _role(label: Label, asset: Asset) -> str | None:
    is_truth = label.is_truth if label.is_truth is not None else bool(asset.is_honeypot) and label.type == "REVIEW"
    if label.type in ("PREDICTION", "INFERENCE"):
        return None if label.is_skipped else "machine"
    if is_truth:
        return None if label.is_skipped else "truth"
    if label.is_skipped:
        return "skip" if label.type == "DEFAULT" else None
    return {"DEFAULT": "work", "REVIEW": "review"}.get(label.type)


def compare(left: Label, right: Label) -> Compared | None:
    """Left judged by right; None if one has no answer."""
    if left.answer is None or right.answer is None:
        return None
    scores, edits = [], []
    before, after = left.answer.kinds, right.answer.kinds
    if before | after:
        scores.append(len(before & after) / len(before | after))
        edits += [("KIND", kind, kind, None, "kept") for kind in before & after]
        lost, won = before - after, after - before
        if len(lost) == len(won) == 1:
            edits.append(("KIND", *lost, *won, None, "relabelled"))
        else:
            edits += [("KIND", kind, None, None, "removed") for kind in lost]
            edits += [("KIND", None, kind, None, "added") for kind in won]
    old, new = left.answer.width, right.answer.width
    if old and new:
        overlap = min(old, new) / max(old, new)
        scores.append(overlap)
        edits.append(("BOX", "CAR", "CAR", overlap, "kept" if old == new else "moved"))
    elif old or new:
        scores.append(0.0)
        edits.append(("BOX", "CAR", None, None, "removed") if old else ("BOX", None, "CAR", None, "added"))
    return Compared(mean(scores), tuple(edits))


def mean(values: Iterable[float | None]) -> float | None:
    """The mean of those that are there; None if there are none."""
    found = [value for value in values if value is not None]
    return math.fsum(found) / len(found) if found else None


def share(part: int, whole: int) -> tuple[float | None, float | None, float | None]:
    """A share with its Wilson limits, as roots of the equation |p - x| = z sqrt(x (1 - x) / n)."""
    if not whole:
        return None, None, None
    p, z2 = part / whole, 1.959963984540054**2
    a, b, c = 1 + z2 / whole, -(2 * p + z2 / whole), p * p
    root = math.sqrt(max(b * b - 4 * a * c, 0.0))
    return p, max((-b - root) / (2 * a), 0.0), min((-b + root) / (2 * a), 1.0)


def reason(count: int, why: str) -> str | None:
    """Why a measure is null; None if it is not."""
    return None if count else why


def review_pairs(asset: Asset) -> Iterator[tuple[Label, Label]]:
    """Each work label that a review of another person, or of nobody known, reviewed, and the review."""
    for review in asset.of("review"):
        for author, work in asset.latest_work(review.at).items():
            if author != review.author:
                yield work, review


def outcome(asset: Asset, work: Label) -> str:
    """What became of a work label, as far as models are judged by it."""
    if work.is_sent_back:
        return "sent_back"
    last = [review for one, review in review_pairs(asset) if one is work][-1:]
    found = [compare(work, review) for review in last]
    return "other" if not found or found[0] is None else "accepted" if found[0].is_unchanged else "fixed"


def prediction_pairs(asset: Asset) -> Iterator[tuple[Label, Label]]:
    """Each machine label and the work label that judges it."""
    for work in (one for one in asset.of("work") if one.author):
        before = [one for one in asset.of("machine") if one.at <= work.at]
        newest = {(one.type, one.model if one.type == "INFERENCE" else None): one for one in before}
        for machine in newest.values():
            if not any(machine.at <= one.at < work.at and one.author == work.author for one in asset.of("work")):
                yield machine, work


def rereview_pairs(asset: Asset) -> Iterator[tuple[Label, Label]]:
    """Two successive reviews of two known reviewers, with no work between them."""
    for earlier, later in pairwise(asset.of("review")):
        has_work = any(earlier.at < work.at <= later.at for work in asset.of("work"))
        if earlier.author and later.author and earlier.author != later.author and not has_work:
            yield earlier, later


def state(asset: Asset, until: datetime | None = None) -> str:
    """The state of a known asset before a time, or now."""
    works, reviews = (
        [label.at for label in asset.of(role) if until is None or label.at < until] for role in ("work", "review")
    )
    if reviews and (not works or works[-1] <= reviews[-1]):
        return "reviewed"
    return "labelled" if works else "waiting"
