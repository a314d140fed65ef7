"""Records -> tables: a batch of texts taken apart into the rows that are new. Pure; runs in any process."""

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
    """What is known of the assets of a batch: their versions with the number of annotations, and their answers.

    `is_key_frames_only`: of new answers, what was interpolated in a video is left out.
    """

    versions: dict[Version, int]
    answers: set[Answer]
    is_key_frames_only: bool = False


@dataclass
class Seen:
    """Records whose text was read before, by the hash of that: what they are of, and their counts."""

    sightings: dict[str, Sighting]
    counts: Counts


@dataclass
class Taken:
    """A batch taken apart: the assets seen in it, the tables of what is new, rejects as `parsing` has them.

    `known` is what later exports have to know of those tables.
    """

    sightings: list[Sighting]
    tables: Tables
    rejects: list[dict[str, Any]]
    counts: Counts
    known: Tables


def take(texts: list[list[Text]], state: State) -> Taken:
    """The rows of assets whose version is new; answers and annotations only where the answer is new too.

    One asset is dealt with whole before the next is parsed: its answers are still in the processor's cache, and memory
    is used again.
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


def flattened_again(said: list[tuple[str, str, str, str]], *, is_key_frames_only: bool) -> Tables:
    """Annotations and flattenings of answers: asset_id, label_key, response_hash, json_response."""
    found = _Annotations(is_key_frames_only)
    for asset_id, label_key, response_hash, json_response in said:
        found.add(asset_id, label_key, response_hash, orjson.loads(json_response))
    return found.tables()


class _Rows:
    """Rows of assets that are new."""

    def __init__(self, state: State) -> None:
        self._known = state.answers
        self._assets: list[flatten.Row] = []
        self._labels: list[flatten.Row] = []
        self._responses: list[flatten.Row] = []
        self._annotations = _Annotations(state.is_key_frames_only)

    def add(self, asset: flatten.FlatAsset) -> int:
        """Adds an asset, its labels and their new answers; gives the number of its annotations."""
        self._assets.append(asset.row)
        counts = [self._answer(asset.asset_id, label) for label in asset.labels]
        self._labels += map(asset.label_row, asset.labels, counts)
        return sum(counts)

    def tables(self) -> Tables:
        """Those that have rows."""
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
        said = (asset_id, label.key, label.response_hash, label.response)
        if (label.key, label.response_hash) in self._known:
            return self._annotations.count(*said)
        self._responses.append((label.key, label.response_hash, label.json_response))
        return self._annotations.add(*said)


class _Annotations:
    """Rows of `kili.annotations`, those of plain jobs in columns, and of `kili.flattenings`."""

    def __init__(self, is_key_frames_only: bool) -> None:
        self._is_key_frames_only = is_key_frames_only
        self._plain = Columns(versions.FLATTEN_VERSION)
        self._others: list[answers.Row] = []
        self._flattenings: list[flatten.Row] = []

    def add(self, asset_id: str, label_key: str, response_hash: str, response: answers.Object) -> int:
        """Adds the rows of an answer; gives their number."""
        answer = answers.key_frames(response) if self._is_key_frames_only else response
        others, count = answers.gather(self._plain, asset_id, label_key, response_hash, answer)
        self._others += others
        job_names = _json_list(tuple(sorted(answers.jobs_of(response))))
        self._flattenings.append((label_key, response_hash, versions.FLATTEN_VERSION, asset_id, count, job_names))
        return count

    def count(self, asset_id: str, label_key: str, response_hash: str, response: answers.Object) -> int:
        """The number of the rows of an answer that is written already."""
        answer = answers.key_frames(response) if self._is_key_frames_only else response
        return len(answers.rows(asset_id, label_key, response_hash, answer))

    def tables(self) -> Tables:
        """All rows, by table."""
        annotations = pa.concat_tables([self._plain.table(), records.ANNOTATIONS.from_dicts(self._others)])
        flattenings = records.FLATTENINGS.batch(self._flattenings, _FLATTENING_ROW)
        return {"flattenings": flattenings, "annotations": annotations}


@lru_cache  # a project's answers name the same few jobs
def _json_list(names: tuple[str, ...]) -> str:
    return canonical_json.text(names)
