"""Compares a batch of label pairs: the score of each pair and job, and the edit of each annotation."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.comparison import alignment as alignments
from pipelines.comparison import edits, records, scoring
from pipelines.comparison.alignment import Alignment
from pipelines.comparison.arrays import Floats, Integers
from pipelines.comparison.features import table as features
from pipelines.comparison.features.table import AnnotationTable
from pipelines.comparison.method import Method


@dataclass(frozen=True, eq=False)
class Comparison:
    """The results of a batch: a score for each pair (not a number if nothing is scored), rows of `jobs` and `edits`."""

    scores: Floats
    jobs: pa.Table
    edits: pa.Table


@np.errstate(over="ignore", invalid="ignore")  # coordinates that overflow count as no intersection
def compare(annotations: pa.Table, named_jobs: pa.Table, pair_keys: pa.Array, method: Method) -> Comparison:
    """Compares the labels of a batch of pairs. The number of a pair is its position in `pair_keys`.

    `annotations` has the annotations of both labels of each pair: the columns of `kili.annotations`, `pair` and `side`
    (0 left, 1 right). `named_jobs` has a row for each job that a label names, even with an empty answer: `pair`,
    `job_name`.
    """
    table = features.read(annotations)
    alignment = alignments.align(table, method)
    edit = edits.edits(alignment)
    jobs = _find_jobs(table, named_jobs)
    scores = scoring.job_scores(alignment, jobs.of_row, len(jobs.pair), key_frames_only=method.score_key_frames_only)
    return Comparison(
        scoring.weighted_means(jobs.pair, len(pair_keys), scores).score,
        _job_table(jobs, scores, edit, table, pair_keys),
        _edit_table(alignment, edit, pair_keys),
    )


@dataclass(frozen=True, eq=False)
class _Jobs:
    """The jobs at the top of each pair: the pair and name of each job, and the number of each annotation's job."""

    pair: Integers
    name: pa.Array
    of_row: Integers


def _find_jobs(table: AnnotationTable, named_jobs: pa.Table) -> _Jobs:
    """The jobs that the annotations answer, and those that a label only names."""
    answered = table.table["job_name"].take(pa.array(table.root))
    names = pa.chunked_array([*answered.chunks, *named_jobs["job_name"].chunks], pa.string())
    encoded = names.combine_chunks().dictionary_encode()
    pair = np.concatenate([table.pair, named_jobs["pair"].to_numpy()])
    name_count = len(encoded.dictionary) or 1
    jobs, number = np.unique(pair * name_count + encoded.indices.to_numpy(), return_inverse=True)
    return _Jobs(jobs // name_count, encoded.dictionary.take(pa.array(jobs % name_count)), number[: len(table)])


def _job_table(
    jobs: _Jobs, scores: scoring.Scores, edit: Integers, table: AnnotationTable, pair_keys: pa.Array
) -> pa.Table:
    job_count, edit_count = len(jobs.pair), len(edits.EDITS)
    kind = _job_kinds(jobs, table)
    is_counted = (table.side == features.LEFT) | (edit == edits.ADDED)
    job_and_edit = jobs.of_row[is_counted] * edit_count + edit[is_counted]
    edit_counts = np.bincount(job_and_edit, minlength=job_count * edit_count).reshape(job_count, edit_count)
    score_methods = [_score_method(k, score) for k, score in zip(kind, scores.score, strict=True)]
    columns = {
        "pair_key": pair_keys.take(pa.array(jobs.pair)),
        "job_name": jobs.name,
        "kind": pa.array([*features.KINDS, None]).take(pa.array(kind)),
        "score": pa.array(scores.score, from_pandas=True),
        "score_method": pa.array(score_methods, pa.string()),
        "weight": scores.weight,
        "left_annotation_count": np.bincount(jobs.of_row[table.side == features.LEFT], minlength=job_count),
        "right_annotation_count": np.bincount(jobs.of_row[table.side == features.RIGHT], minlength=job_count),
        **{f"{name}_count": edit_counts[:, number] for number, name in enumerate(edits.EDITS)},
    }
    return pa.table(columns, records.JOBS.arrow_schema)


def _job_kinds(jobs: _Jobs, table: AnnotationTable) -> Integers:
    """The kind of each job, as a position in `KINDS`: the first kind of its top annotations, those with a score first.

    A job without annotations has the position after the last.
    """
    kind_count = len(features.KINDS)
    unscored = kind_count + 1
    kind = np.full(len(jobs.pair), kind_count)
    at_top = np.flatnonzero(table.depth == 0)
    rank = np.full(len(jobs.pair), 2 * unscored)
    np.minimum.at(rank, jobs.of_row[at_top], (table.kind + np.where(scoring.has_rule(table), 0, unscored))[at_top])
    is_known = rank < 2 * unscored
    kind[is_known] = rank[is_known] % unscored
    return kind


def _score_method(kind: int, score: float) -> str | None:
    return None if np.isnan(score) else scoring.METHODS[kind]


def _edit_table(alignment: Alignment, edit: Integers, pair_keys: pa.Array) -> pa.Table:
    """Rows of `edits`: left annotations with their partners, then added annotations."""
    annotations = alignment.annotations
    left = np.flatnonzero(annotations.side == features.LEFT)
    added = np.flatnonzero(edit == edits.ADDED)
    rows = np.concatenate([left, added])
    lefts = _nullable(np.concatenate([left, np.full(len(added), -1)]))
    rights = _nullable(np.concatenate([alignment.partner[left], added]))
    has_iou = np.isin(annotations.extent[rows], (features.AREA, features.SPAN))
    iou = np.where(has_iou, alignment.similarity[rows], np.nan)
    table = annotations.table
    columns = {
        "pair_key": pair_keys.take(pa.array(annotations.pair[rows])),
        "edit": pa.array(edits.EDITS).take(pa.array(edit[rows])),
        "left_annotation_key": table["annotation_key"].take(lefts),
        "right_annotation_key": table["annotation_key"].take(rights),
        "job_name": table["job_name"].take(pa.array(rows)),
        "kind": table["kind"].take(pa.array(rows)),
        "left_category": table["category"].take(lefts),
        "right_category": table["category"].take(rights),
        "iou": pa.array(iou, from_pandas=True),
    }
    return pa.table(columns, records.EDITS.arrow_schema)


def _nullable(rows: Integers) -> pa.Array:
    """Rows with null for -1, so that `take` gives null there."""
    return pa.array(rows, mask=rows < 0)
