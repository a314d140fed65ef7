"""Turns a batch of records into tables of new rows. Pure; runs in any process."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson
import pyarrow as pa

from pipelines.kili import canonical_json, flatten, records, versions
from pipelines.kili.annotations import answers
from pipelines.kili.annotations.columns import Columns
from pipelines.kili.batch import Batch, Counts, Text

Tables = dict[str, pa.Table]
Version = tuple[str, str]
Answer = tuple[str, str]


class Sighting(NamedTuple):
    """Which version of an asset an export shows; `record_hash` as in `kili.sightings`."""

    asset_id: str
    asset_version: str
    record_hash: str | None


KNOWN: Final = {
    "assets": ["asset_id", "asset_version"],
    "labels": ["asset_id", "asset_version", "label_key", "response_hash", "annotation_count"],
}
"""The columns that tell what is known already."""


_RESPONSE_ROW: Final = ("label_key", "response_hash", "json_response")
_FLATTENING_ROW: Final = (
    *("label_key", "response_hash", "flatten_version"),
    *("asset_id", "annotation_count", "job_names"),
)


@dataclass
class State:
    """The stored versions of a batch's assets, with their numbers of annotations, and their stored answers.

    `is_key_frames_only`: annotations interpolated between key frames are dropped from new answers.
    """

    versions: dict[Version, int]
    answers: set[Answer]
    is_key_frames_only: bool = False


@dataclass
class Seen:
    """Records that were read before, by the hash of their text, and their counts."""

    sightings: dict[str, Sighting]
    counts: Counts


@dataclass
class Taken:
    """The results of a batch: sightings, tables of new rows, rejects and counts.

    `known`: the columns of these tables that later exports are compared with.
    """

    sightings: list[Sighting]
    tables: Tables
    rejects: list[dict[str, Any]]
    counts: Counts
    known: Tables


def take(texts: list[list[Text]], state: State) -> Taken:
    """The rows of assets whose version is new. Answers and annotations are included only if the answer is new.

    Each asset is finished before the next is parsed: its answers are still in the processor's cache, and memory is
    reused.
    """
    batch, new, sightings = Batch(), _Rows(state), []
    for group in texts:
        asset = batch.add(group)
        if asset is None:
            continue
        version = (asset.asset_id, asset.version)
        sightings.append(Sighting(*version, asset.record_hash))
        if version in state.versions:
            batch.counts.unchanged_asset_count += 1
            batch.counts.annotation_count += state.versions[version]
        else:
            batch.counts.annotation_count += new.add(asset)
    tables = new.tables()
    known = {name: tables[name].select(columns) for name, columns in KNOWN.items() if name in tables}
    return Taken(sightings, tables, batch.rejects, batch.counts, known)


def flattened_again(stored: list[tuple[str, str, str, str]], *, is_key_frames_only: bool) -> Tables:
    """Annotations and flattenings of stored answers (asset_id, label_key, response_hash, json_response)."""
    found = _Annotations(is_key_frames_only)
    for asset_id, label_key, response_hash, json_response in stored:
        found.add(asset_id, label_key, response_hash, orjson.loads(json_response))
    return found.tables()


class _Rows:
    """Collects the rows of new assets."""

    def __init__(self, state: State) -> None:
        self._known = state.answers
        self._assets: list[flatten.Row] = []
        self._labels: list[flatten.Row] = []
        self._responses: list[flatten.Row] = []
        self._annotations = _Annotations(state.is_key_frames_only)

    def add(self, asset: flatten.FlatAsset) -> int:
        """Adds an asset, its labels and their new answers. Returns the number of its annotations."""
        self._assets.append(asset.row)
        counts = [self._answer(asset.asset_id, label) for label in asset.labels]
        self._labels += map(asset.label_row, asset.labels, counts)
        return sum(counts)

    def tables(self) -> Tables:
        """The tables that have rows."""
        tables = {
            "assets": records.ASSETS.batch(self._assets, flatten.ASSET_ROW),
            "labels": records.LABELS.batch(self._labels, flatten.LABEL_ROW),
            "responses": records.RESPONSES.batch(self._responses, _RESPONSE_ROW),
            **self._annotations.tables(),
        }
        return {name: table for name, table in tables.items() if len(table)}

    def _answer(self, asset_id: str, label: flatten.FlatLabel) -> int:
        if label.response is None or label.response_hash is None:
            return 0
        answer = (asset_id, label.key, label.response_hash, label.response)
        if (label.key, label.response_hash) in self._known:
            return self._annotations.count(*answer)
        self._responses.append((label.key, label.response_hash, label.json_response))
        return self._annotations.add(*answer)


class _Annotations:
    """Collects rows of `kili.annotations`, those of common jobs in columns, and of `kili.flattenings`."""

    def __init__(self, is_key_frames_only: bool) -> None:
        self._is_key_frames_only = is_key_frames_only
        self._plain = Columns(versions.FLATTEN_VERSION)
        self._others: list[answers.Row] = []
        self._flattenings: list[flatten.Row] = []

    def add(self, asset_id: str, label_key: str, response_hash: str, response: answers.Object) -> int:
        """Adds the rows of an answer. Returns their number."""
        answer = answers.key_frames(response) if self._is_key_frames_only else response
        others, count = answers.gather(self._plain, asset_id, label_key, response_hash, answer)
        self._others += others
        job_names = _json_list(tuple(sorted(answers.jobs_of(response))))
        self._flattenings.append((label_key, response_hash, versions.FLATTEN_VERSION, asset_id, count, job_names))
        return count

    def count(self, asset_id: str, label_key: str, response_hash: str, response: answers.Object) -> int:
        """The number of rows of an answer that is stored already."""
        answer = answers.key_frames(response) if self._is_key_frames_only else response
        return len(answers.rows(asset_id, label_key, response_hash, answer))

    def tables(self) -> Tables:
        """All rows, by table."""
        annotations = pa.concat_tables([self._plain.table(), records.ANNOTATIONS.from_dicts(self._others)])
        flattenings = records.FLATTENINGS.batch(self._flattenings, _FLATTENING_ROW)
        return {"flattenings": flattenings, "annotations": annotations}


@lru_cache  # the answers of a project name the same few jobs
def _json_list(names: tuple[str, ...]) -> str:
    return canonical_json.text(names)
