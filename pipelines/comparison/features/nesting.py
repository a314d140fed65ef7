"""The parent of each nested annotation."""

from typing import Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.comparison.arrays import Hashes, Integers, hash_rows, hash_texts


def parents(table: pa.Table, label_number: Integers, job_hash: Hashes) -> Integers:
    """The row of each annotation's parent in the same label of the same pair; -1 at the top.

    `label_number` identifies a label of a pair, `job_hash` a job in a frame of a label. In the old layout answers are
    nested in a job, not in a category, and the loader stores them under the job's first category. Here they go under
    the first by name, because the order of categories does not count.
    """
    parent = np.full(len(label_number), -1)
    nested = np.flatnonzero(table["parent_annotation_key"].is_valid().to_numpy())
    if not len(nested):
        return parent
    own_key = hash_rows(label_number, hash_texts(table["annotation_key"]))
    parent_key = hash_rows(label_number, hash_texts(table["parent_annotation_key"]))[nested]
    order = np.argsort(own_key)
    candidate = order[np.searchsorted(own_key[order], parent_key).clip(max=len(own_key) - 1)]
    parent[nested] = np.where(own_key[candidate] == parent_key, candidate, -1)
    for row, jobs in _parents_by_job(table):
        siblings = np.flatnonzero((job_hash == job_hash[row]) & (parent == parent[row]))
        first = min(siblings, key=lambda sibling: [str(table[name][int(sibling)]) for name in _SORT_COLUMNS])
        children = np.flatnonzero(parent == row)
        parent[[child for child in children if table["job_name"][int(child)].as_py() in jobs]] = first
    return parent


_SORT_COLUMNS: Final = ("category", "annotation_key")


def _parents_by_job(table: pa.Table) -> list[tuple[int, list[str]]]:
    """Rows of the categories under which the loader has put the answers nested in their job, with the nested jobs."""
    has_answer = pc.match_substring(table["extra"], '"_answer"').fill_null(False).to_numpy()
    is_category = pc.equal(table["kind"], "classification").to_numpy()
    rows = [
        (int(row), orjson.loads(table["extra"][int(row)].as_py())["_answer"])
        for row in np.flatnonzero(has_answer & is_category)
    ]
    return [(row, answer["children"]) for row, answer in rows if answer.get("children")]
