"""Scores of labels and jobs, 0 to 1, by Kili's "Calculation rules for quality metrics" as far as they are published.

Score of a job in a group: the sum of its pairs' similarities over (pairs + unmatched annotations of both sides). A pair
has the same category on both sides. For chosen categories this is the Jaccard index, for objects and spans the mean
IoU, for a text its similarity. If one side is empty, the score is 0. If both are empty or no kind has a rule, it is not
a number. The scores of nested jobs enter by the geometric mean with their parent: with the object or entity, or with
all the chosen categories together. Score of a label: the mean of its jobs in each video frame, weighted by that
denominator for objects and spans and by 1 otherwise.

Documented by Kili: the Jaccard index (as an example), IoU with compared classes, the geometric mean, the weighted mean.
Our choices: the best matching instead of a greedy one, annotations of different classes counted as unmatched instead of
as a pair of 0, regions and polygons object by object, n of the union, video frame by frame, and the IoU of annotations
on several pages page by page (format page, 3.3).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from pipelines.comparison.alignment import Alignment
from pipelines.comparison.arrays import Flags, Floats, Integers, group_products, group_sums, hash_rows
from pipelines.comparison.features import table as features
from pipelines.comparison.features.table import AnnotationTable
from pipelines.comparison.measures import texts

METHODS: Final = {
    features.CLASSIFICATION: "category_jaccard",
    features.OBJECT: "matched_iou",
    features.ENTITY: "matched_iou",
    features.RELATION: "relation_jaccard",
    features.TRANSCRIPTION: "bigram_dice",
    features.COMPARISON: "equality",
    features.RANKING: "equality",
    features.FILE: "equality",
}
"""The name of the score of each kind that has one. Kili publishes no rule for markers, lines, vectors and poses."""

_BY_IOU: Final = (features.OBJECT, features.ENTITY)


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of groups with their weights; not a number, with weight 0, where nothing can be scored."""

    score: Floats
    weight: Floats


def weighted_means(group: Integers, group_count: int, scores: Scores) -> Scores:
    """Weighted means by group. `group` is the group's number, below `group_count`, of each score."""
    is_scored = ~np.isnan(scores.score)
    weight = np.bincount(group[is_scored], scores.weight[is_scored], group_count).astype(float)
    total = group_sums(group[is_scored], (scores.weight * scores.score)[is_scored], group_count)
    return Scores(np.divide(total, weight, out=np.full(group_count, np.nan), where=weight > 0), weight)


def mean_with_nested(score: Floats, nested_product: Floats, nested_count: Floats) -> Floats:
    """Geometric mean of each score p with the scores c of its k nested jobs: (p · Π c) ^ (1 / (k + 1))."""
    return np.asarray((score * nested_product) ** (1 / (nested_count + 1)))


def job_scores(alignment: Alignment, job: Integers, job_count: int, *, key_frames_only: bool = False) -> Scores:
    """Scores of the jobs at the top. `job` is the number, below `job_count`, of each row's job in its pair."""
    annotations = alignment.annotations
    nested_product, nested_count = np.ones(len(annotations)), np.zeros(len(annotations))
    for depth in range(int(annotations.depth.max(initial=0)), -1, -1):
        is_scored = (annotations.depth == depth) & has_rule(annotations)
        if depth:
            is_scored &= alignment.group > 0
        rows = np.flatnonzero(is_scored)
        groups, first, group = np.unique(alignment.group[rows], return_index=True, return_inverse=True)
        scores = _group_scores(alignment, rows, group, len(groups), nested_product, nested_count)
        first = rows[first]
        if depth:
            _propagate_to_parents(alignment, first, scores, nested_product, nested_count)
        elif key_frames_only:
            is_key_frame = annotations.is_key_frame[rows] | (annotations.frame[rows] < 0)
            has_key_frame = np.bincount(group, is_key_frame, len(groups)) > 0
            scores = Scores(np.where(has_key_frame, scores.score, np.nan), scores.weight)
    return weighted_means(job[first], job_count, scores)


def has_rule(annotations: AnnotationTable) -> Flags:
    """Whether each annotation has a score: its kind has a rule, and objects and entities have an area or a span."""
    by_iou = np.isin(annotations.kind, _BY_IOU)
    has_area = np.isin(annotations.extent, (features.AREA, features.SPAN))
    return np.isin(annotations.kind, list(METHODS)) & (~by_iou | has_area)


def _group_scores(
    alignment: Alignment,
    rows: Integers,
    group: Integers,
    group_count: int,
    nested_product: Floats,
    nested_count: Floats,
) -> Scores:
    """Scores of groups of rows, with the nested jobs of each row. `group` has numbers below `group_count`."""
    annotations = alignment.annotations
    is_matched_left = (annotations.side[rows] == features.LEFT) & (alignment.partner[rows] >= 0)
    left, left_group = rows[is_matched_left], group[is_matched_left]
    value = _pair_values(alignment, left)
    is_pair = ~np.isnan(value)
    left, left_group, value = left[is_pair], left_group[is_pair], value[is_pair]
    by_iou = np.isin(annotations.kind[left], _BY_IOU)
    value = np.where(by_iou, mean_with_nested(value, nested_product[left], nested_count[left]), value)
    pair_counts = np.bincount(left_group, minlength=group_count)
    denominator = np.bincount(group, minlength=group_count) - pair_counts
    score = group_sums(left_group, value, group_count) / denominator
    category_product = group_products(left_group, np.where(by_iou, 1, nested_product[left]), group_count)
    category_count = np.bincount(left_group, np.where(by_iou, 0, nested_count[left]), group_count).astype(float)
    score = mean_with_nested(score, category_product, category_count)
    has_iou = np.bincount(group, np.isin(annotations.kind[rows], _BY_IOU), group_count) > 0
    return Scores(score, np.where(has_iou, denominator, 1).astype(float))


def _pair_values(alignment: Alignment, left: Integers) -> Floats:
    """The similarity that each matched left row adds to its group's sum; not a number if the two are not a pair."""
    annotations = alignment.annotations
    right = alignment.partner[left]
    is_same = annotations.own_hash[left] == annotations.own_hash[right]
    is_same &= alignment.ends[left] == alignment.ends[right]
    kind = annotations.kind[left]
    value = np.where(np.isin(kind, _BY_IOU), alignment.similarity[left], is_same.astype(float))
    reworded = np.flatnonzero(~is_same & (kind == features.TRANSCRIPTION))
    value[reworded] = texts.dice(annotations.texts(left[reworded]), annotations.texts(right[reworded]))
    is_pair = annotations.category[left] == annotations.category[right]
    is_pair &= is_same | (kind != features.RELATION)
    return np.where(is_pair, value, np.nan)


def _propagate_to_parents(
    alignment: Alignment, first: Integers, scores: Scores, nested_product: Floats, nested_count: Floats
) -> None:
    """Multiplies the scores of nested jobs into `nested_product` of their parents; `first` is a row of each group."""
    annotations = alignment.annotations
    parent = annotations.parent[first]
    parent = np.where(annotations.side[first] == features.LEFT, parent, alignment.partner[parent])
    job_hash = hash_rows(parent, annotations.job[first])
    jobs, position, job = np.unique(job_hash, return_index=True, return_inverse=True)
    nested_scores = weighted_means(job, len(jobs), scores)
    is_scored = ~np.isnan(nested_scores.score)
    parents = parent[position][is_scored]
    nested_product *= group_products(parents, nested_scores.score[is_scored], len(nested_product))
    np.add.at(nested_count, parents, 1)
