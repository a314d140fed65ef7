"""Compares a batch of label pairs: the score of each pair and job, and the edit of each annotation."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.comparison import alignment, edits, records, scoring
from pipelines.comparison.alignment import Alignment
from pipelines.comparison.arrays import Floats, Integers
from pipelines.comparison.features import table as features
from pipelines.comparison.method import Method


@dataclass(frozen=True, eq=False)
class Comparison:
    """The results of a batch: a score for each pair (NaN without one), rows of `jobs` and of `edits`."""

    scores: Floats
    jobs: pa.Table
    edits: pa.Table


@np.errstate(over="ignore", invalid="ignore")  # coordinates that overflow have no overlap
def compare(annotations: pa.Table, named: pa.Table, pair_keys: pa.Array, method: Method) -> Comparison:
    """Compares the labels of a batch of pairs, numbered by their position in `pair_keys`.

    `annotations` are those of both labels of each pair: the columns of `kili.annotations`, `pair` and `side` (0 left,
    1 right). `named` has a row for each job that a label names, even with an empty answer: `pair`, `job_name`.
    """
    read = features.read(annotations)
    found = alignment.align(read, method)
    became = edits.edits(found)
    jobs = _Jobs.from_tables(read, named)
    scores = scoring.job_scores(found, jobs.of_row, len(jobs.pair), key_frames_only=method.score_key_frames_only)
    return Comparison(
        scoring.mean(jobs.pair, len(pair_keys), scores).score,
        _job_table(jobs, scores, became, found, pair_keys),
        _edit_table(found, became, pair_keys),
    )


@dataclass(frozen=True, eq=False)
class _Jobs:
    """The top-level jobs of each pair: pair, name, and the job number of each row."""

    pair: Integers
    name: pa.Array
    of_row: Integers

    @staticmethod
    def from_tables(read: features.Items, named: pa.Table) -> "_Jobs":
        answered = read.table["job_name"].take(pa.array(read.top))
        names = pa.chunked_array([*answered.chunks, *named["job_name"].chunks], pa.string())
        encoded = names.combine_chunks().dictionary_encode()
        pair = np.concatenate([read.pair, named["pair"].to_numpy()])
        count = len(encoded.dictionary) or 1
        jobs, number = np.unique(pair * count + encoded.indices.to_numpy(), return_inverse=True)
        return _Jobs(jobs // count, encoded.dictionary.take(pa.array(jobs % count)), number[: len(read)])


def _job_table(
    jobs: _Jobs, scores: scoring.Scores, became: Integers, found: Alignment, pair_keys: pa.Array
) -> pa.Table:
    read = found.items
    count = len(jobs.pair)
    kind = _kinds(jobs, read)
    is_counted = (read.side == features.LEFT) | (became == edits.ADDED)
    counted = jobs.of_row[is_counted] * len(edits.EDITS) + became[is_counted]
    edit_counts = np.bincount(counted, minlength=count * len(edits.EDITS)).reshape(count, len(edits.EDITS))
    columns = {
        "pair_key": pair_keys.take(pa.array(jobs.pair)),
        "job_name": jobs.name,
        "kind": pa.array([*features.KINDS, None]).take(pa.array(kind)),
        "score": pa.array(scores.score, from_pandas=True),
        "score_method": pa.array([_method(k, s) for k, s in zip(kind, scores.score, strict=True)], pa.string()),
        "weight": scores.weight,
        "left_annotation_count": np.bincount(jobs.of_row[read.side == features.LEFT], minlength=count),
        "right_annotation_count": np.bincount(jobs.of_row[read.side == features.RIGHT], minlength=count),
        **{f"{edit}_count": edit_counts[:, number] for number, edit in enumerate(edits.EDITS)},
    }
    return pa.table(columns, records.JOBS.arrow_schema)


def _kinds(jobs: _Jobs, read: features.Items) -> Integers:
    """The kind of each job: that of its first top-level row with a score, else of its first row."""
    unscored = len(features.KINDS) + 1
    kind = np.full(len(jobs.pair), len(features.KINDS))
    at_top = np.flatnonzero(read.depth == 0)
    ranked = np.full(len(jobs.pair), 2 * unscored)
    np.minimum.at(ranked, jobs.of_row[at_top], (read.kind + np.where(scoring.has_rule(read), 0, unscored))[at_top])
    known = ranked < 2 * unscored
    kind[known] = ranked[known] % unscored
    return kind


def _method(kind: int, score: float) -> str | None:
    return None if np.isnan(score) else scoring.METHODS[kind]


def _edit_table(found: Alignment, became: Integers, pair_keys: pa.Array) -> pa.Table:
    """The rows of `edits`: left annotations with their partners, then added ones."""
    read = found.items
    left = np.flatnonzero(read.side == features.LEFT)
    added = np.flatnonzero(became == edits.ADDED)
    rows = np.concatenate([left, added])
    lefts = _rows(np.concatenate([left, np.full(len(added), -1)]))
    rights = _rows(np.concatenate([found.partner[left], added]))
    covers = np.isin(read.cover[rows], (features.AREA, features.SPAN))
    iou = np.where(covers, found.similarity[rows], np.nan)
    table = read.table
    columns = {
        "pair_key": pair_keys.take(pa.array(read.pair[rows])),
        "edit": pa.array(edits.EDITS).take(pa.array(became[rows])),
        "left_annotation_key": table["annotation_key"].take(lefts),
        "right_annotation_key": table["annotation_key"].take(rights),
        "job_name": table["job_name"].take(pa.array(rows)),
        "kind": table["kind"].take(pa.array(rows)),
        "left_category": table["category"].take(lefts),
        "right_category": table["category"].take(rights),
        "iou": pa.array(iou, from_pandas=True),
    }
    return pa.table(columns, records.EDITS.arrow_schema)


def _rows(rows: Integers) -> pa.Array:
    """Positions to take; null for -1."""
    return pa.array(rows, mask=rows < 0)
