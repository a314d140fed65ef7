"""Scores of labels and jobs, 0 to 1, by Kili's "Calculation rules for quality metrics" as far as they are published.

A job at one place: the sum of the similarities of its pairs over (pairs + annotations left over on either side). A pair
has the same category. For chosen categories that is Jaccard's index, for objects and spans the mean overlap, for a text
its similarity. One empty side gives 0; two empty sides, or kinds without a rule, give NaN. Nested jobs enter as the
geometric mean with their parent: the object or entity, or all chosen categories. A label's score is the mean of its
jobs in each frame, weighted by that denominator for objects and spans, by 1 otherwise.

Documented by Kili: Jaccard's index (as an example), overlap with the class compared, the geometric mean, the weighted
mean. Our choices: the best matching rather than a greedy one, annotations of different classes left over rather than a
pair of 0, regions and polygons object by object, n of the union, video frame by frame, the overlap of annotations on
several pages page by page (format page, 3.3).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from pipelines.comparison.alignment import Alignment
from pipelines.comparison.arrays import Flags, Floats, Integers, hash_rows, products, sums
from pipelines.comparison.features import table as of
from pipelines.comparison.features.table import Items
from pipelines.comparison.measures import texts

METHODS: Final = {
    of.CLASSIFICATION: "category_jaccard",
    of.OBJECT: "matched_iou",
    of.ENTITY: "matched_iou",
    of.RELATION: "relation_jaccard",
    of.TRANSCRIPTION: "bigram_dice",
    of.COMPARISON: "equality",
    of.RANKING: "equality",
    of.FILE: "equality",
}
"""The kinds that have a score, and its name. Markers, lines, vectors and poses have no published rule: no score."""

_BY_OVERLAP: Final = (of.OBJECT, of.ENTITY)


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of groups with their weights; NaN and 0 if nothing can be scored."""

    score: Floats
    weight: Floats


def mean(group: Integers, count: int, scores: Scores) -> Scores:
    """Weighted means by group, `group` one of `count` for each score."""
    is_scored = ~np.isnan(scores.score)
    weight = np.bincount(group[is_scored], scores.weight[is_scored], count).astype(float)
    total = sums(group[is_scored], (scores.weight * scores.score)[is_scored], count)
    return Scores(np.divide(total, weight, out=np.full(count, np.nan), where=weight > 0), weight)


def nest(score: Floats, nested_product: Floats, nested_count: Floats) -> Floats:
    """The geometric mean of scores and their nested scores: (p · Π c) ^ (1 / (k + 1))."""
    return np.asarray((score * nested_product) ** (1 / (nested_count + 1)))


def job_scores(found: Alignment, job: Integers, count: int, *, key_frames_only: bool = False) -> Scores:
    """The scores of top-level jobs. `job`: the job number of each row, below `count`."""
    items = found.items
    product, nested = np.ones(len(items)), np.zeros(len(items))
    for depth in range(int(items.depth.max(initial=0)), -1, -1):
        is_scored = (items.depth == depth) & has_rule(items)
        if depth:
            is_scored &= found.place > 0
        rows = np.flatnonzero(is_scored)
        places, first, place = np.unique(found.place[rows], return_index=True, return_inverse=True)
        scores = _place_scores(found, rows, place, len(places), product, nested)
        first = rows[first]
        if depth:
            _propagate_to_parents(found, first, scores, product, nested)
        elif key_frames_only:
            is_key_frame = items.is_key_frame[rows] | (items.frame[rows] < 0)
            has_key_frame = np.bincount(place, is_key_frame, len(places)) > 0
            scores = Scores(np.where(has_key_frame, scores.score, np.nan), scores.weight)
    return mean(job[first], count, scores)


def has_rule(items: Items) -> Flags:
    """Whether annotations enter scores: their kind has a rule, and objects and entities have an area or a span."""
    by_overlap = np.isin(items.kind, _BY_OVERLAP)
    return np.isin(items.kind, list(METHODS)) & (~by_overlap | np.isin(items.cover, (of.AREA, of.SPAN)))


def _place_scores(
    found: Alignment, rows: Integers, place: Integers, count: int, product: Floats, nested: Floats
) -> Scores:
    """The scores of places, numbered below `count`, including the nested scores of their rows."""
    items = found.items
    is_left = (items.side[rows] == of.LEFT) & (found.partner[rows] >= 0)
    left, at = rows[is_left], place[is_left]
    value = _values(found, left)
    is_pair = ~np.isnan(value)
    left, at, value = left[is_pair], at[is_pair], value[is_pair]
    by_overlap = np.isin(items.kind[left], _BY_OVERLAP)
    value = np.where(by_overlap, nest(value, product[left], nested[left]), value)
    pairs = np.bincount(at, minlength=count)
    total = np.bincount(place, minlength=count) - pairs
    score = sums(at, value, count) / total
    below = products(at, np.where(by_overlap, 1, product[left]), count)
    score = nest(score, below, np.bincount(at, np.where(by_overlap, 0, nested[left]), count).astype(float))
    overlaps = np.bincount(place, np.isin(items.kind[rows], _BY_OVERLAP), count) > 0
    return Scores(score, np.where(overlaps, total, 1).astype(float))


def _values(found: Alignment, left: Integers) -> Floats:
    """What each match of a left row adds to the sum of its place; NaN if it is no pair."""
    items = found.items
    right = found.partner[left]
    is_same = (items.own[left] == items.own[right]) & (found.ends[left] == found.ends[right])
    value = np.where(np.isin(items.kind[left], _BY_OVERLAP), found.similarity[left], is_same.astype(float))
    reworded = np.flatnonzero(~is_same & (items.kind[left] == of.TRANSCRIPTION))
    value[reworded] = texts.dice(items.texts(left[reworded]), items.texts(right[reworded]))
    is_pair = items.category[left] == items.category[right]
    is_pair &= is_same | (items.kind[left] != of.RELATION)
    return np.where(is_pair, value, np.nan)


def _propagate_to_parents(found: Alignment, first: Integers, scores: Scores, product: Floats, nested: Floats) -> None:
    """Multiplies the scores of nested jobs into their parents; `first` is a row of each place."""
    items = found.items
    parent = items.parent[first]
    parent = np.where(items.side[first] == of.LEFT, parent, found.partner[parent])
    jobs, at, job = np.unique(hash_rows(parent, items.job[first]), return_index=True, return_inverse=True)
    nested_scores = mean(job, len(jobs), scores)
    is_scored = ~np.isnan(nested_scores.score)
    parents = parent[at][is_scored]
    product *= products(parents, nested_scores.score[is_scored], len(product))
    np.add.at(nested, parents, 1)
