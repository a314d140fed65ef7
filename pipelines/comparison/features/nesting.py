"""Finds the parent of each annotation."""

from typing import Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.comparison.arrays import Integers, Keys, hash_rows, keys


def parents(table: pa.Table, owner: Integers, job: Keys) -> Integers:
    """The row of each annotation's parent in the same label of the same pair; -1 at the top.

    `owner`: the label of each row. `job`: its job and frame. In the old layout, answers are nested in a job instead of
    a category. The loader puts them under the first category, and this function under the first by name.
    """
    parent = np.full(len(owner), -1)
    nested = np.flatnonzero(table["parent_annotation_key"].is_valid().to_numpy())
    if not len(nested):
        return parent
    own = hash_rows(owner, keys(table["annotation_key"]))
    wanted = hash_rows(owner, keys(table["parent_annotation_key"]))[nested]
    order = np.argsort(own)
    found = order[np.searchsorted(own[order], wanted).clip(max=len(own) - 1)]
    parent[nested] = np.where(own[found] == wanted, found, -1)
    for row, jobs in _nested_in_job(table):
        siblings = np.flatnonzero((job == job[row]) & (parent == parent[row]))
        first = min(siblings, key=lambda sibling: [str(table[name][int(sibling)]) for name in _ORDER])
        children = np.flatnonzero(parent == row)
        parent[[child for child in children if table["job_name"][int(child)].as_py() in jobs]] = first
    return parent


_ORDER: Final = ("category", "annotation_key")


def _nested_in_job(table: pa.Table) -> list[tuple[int, list[str]]]:
    """The categories under which the loader put nested answers of a job, and their jobs."""
    told = pc.match_substring(table["extra"], '"_answer"').fill_null(False).to_numpy()
    chosen = pc.equal(table["kind"], "classification").to_numpy()
    rows = [
        (int(row), orjson.loads(table["extra"][int(row)].as_py())["_answer"]) for row in np.flatnonzero(told & chosen)
    ]
    return [(row, answer["children"]) for row, answer in rows if answer.get("children")]
