"""Turns a batch of record texts into tables of new rows. No input or output; runs in any process."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson
import pyarrow as pa

from pipelines.kili import canonical_json, flatten, records, versions
from pipelines.kili.annotations import answer_levels, answer_rows, answers
from pipelines.kili.annotations.columns import AnnotationColumns
from pipelines.kili.batch import Batch, Counts, RecordText
from pipelines.kili.forgotten import Forgotten
from pipelines.kili.people import Pseudonyms

Tables = dict[str, pa.Table]
Version = tuple[str, str]
Answer = tuple[str, str]


class Sighting(NamedTuple):
    """The version of an asset in an export, a row of `kili.sightings` without the export."""

    asset_id: str
    asset_version: str
    record_hash: str | None


KNOWN_COLUMNS: Final = {
    "assets": ["asset_id", "asset_version"],
    "labels": ["asset_id", "asset_version", "label_key", "response_hash", "annotation_count"],
}
"""The columns that decide whether a row is already known."""

_RESPONSE_ROW: Final = ("label_key", "response_hash", "json_response")
_FLATTENING_ROW: Final = (
    *("label_key", "response_hash", "flatten_version"),
    *("asset_id", "annotation_count", "job_names"),
)


@dataclass
class KnownState:
    """The known versions of a batch's assets, with their annotation counts, and the known answers of their labels.

    `is_key_frames_only`: skip the interpolated annotations of videos in new answers. `pseudonyms`: what replaces people
    in new records. `forgotten`: who is left out of new rows.
    """

    versions: dict[Version, int]
    answers: set[Answer]
    is_key_frames_only: bool = False
    pseudonyms: Pseudonyms | None = None
    forgotten: Forgotten | None = None


@dataclass
class KnownRecords:
    """Records with a text that an earlier load has read: their sightings by the hash of the text, and their counts."""

    sightings: dict[str, Sighting]
    counts: Counts


@dataclass
class BatchResult:
    """The sightings, new rows by table, rejects and counts of a batch. `rejects` are as in `batch.Batch`.

    `known` holds the columns of `tables` that the reading of later exports in the same load needs.
    """

    sightings: list[Sighting]
    tables: Tables
    rejects: list[dict[str, Any]]
    counts: Counts
    known: Tables


def process_batch(texts: list[list[RecordText]], state: KnownState) -> BatchResult:
    """Returns rows for assets with a new version; rows for answers and annotations only if the answer is new too.

    Each asset is flattened before the next one is parsed: its answers are then still in the processor's cache, and
    memory is reused.
    """
    batch, new, sightings = Batch(pseudonyms=state.pseudonyms), _Rows(state), []
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
    if state.forgotten:
        tables = {name: state.forgotten.table(name, table) for name, table in tables.items()}
    known = {name: tables[name].select(columns) for name, columns in KNOWN_COLUMNS.items() if name in tables}
    return BatchResult(sightings, tables, batch.rejects, batch.counts, known)


def reflatten(stored_answers: list[tuple[str, str, str, str]], *, is_key_frames_only: bool) -> Tables:
    """Returns annotations and flattenings of stored answers: asset_id, label_key, response_hash, json_response."""
    annotations = _Annotations(is_key_frames_only)
    for asset_id, label_key, response_hash, json_response in stored_answers:
        annotations.add(asset_id, label_key, response_hash, orjson.loads(json_response))
    return annotations.tables()


class _Rows:
    """Collects the rows of new asset versions."""

    def __init__(self, state: KnownState) -> None:
        self._known_answers = state.answers
        self._assets: list[flatten.Row] = []
        self._labels: list[flatten.Row] = []
        self._responses: list[flatten.Row] = []
        self._annotations = _Annotations(state.is_key_frames_only)

    def add(self, asset: flatten.FlatAsset) -> int:
        """Adds an asset, its labels and their new answers. Returns the number of its annotations."""
        self._assets.append(asset.row)
        counts = [self._add_answer(asset.asset_id, label) for label in asset.labels]
        self._labels += map(asset.label_row, asset.labels, counts)
        return sum(counts)

    def tables(self) -> Tables:
        """Returns the tables that have rows."""
        tables = {
            "assets": records.ASSETS.batch(self._assets, flatten.ASSET_ROW),
            "labels": records.LABELS.batch(self._labels, flatten.LABEL_ROW),
            "responses": records.RESPONSES.batch(self._responses, _RESPONSE_ROW),
            **self._annotations.tables(),
        }
        return {name: table for name, table in tables.items() if len(table)}

    def _add_answer(self, asset_id: str, label: flatten.FlatLabel) -> int:
        if label.response is None or label.response_hash is None:
            return 0
        answer = (asset_id, label.key, label.response_hash, label.response)
        if (label.key, label.response_hash) in self._known_answers:
            return self._annotations.count(*answer)
        self._responses.append((label.key, label.response_hash, label.json_response))
        return self._annotations.add(*answer)


class _Annotations:
    """Collects rows of `kili.annotations` and `kili.flattenings`. Annotations of plain jobs are held in columns."""

    def __init__(self, is_key_frames_only: bool) -> None:
        self._is_key_frames_only = is_key_frames_only
        self._plain = AnnotationColumns(versions.FLATTEN_VERSION)
        self._others: list[answer_rows.Row] = []
        self._flattenings: list[flatten.Row] = []

    def add(self, asset_id: str, label_key: str, response_hash: str, response: answer_rows.Object) -> int:
        """Adds the rows of an answer. Returns their number."""
        answer = answer_levels.without_interpolated(response) if self._is_key_frames_only else response
        others, count = answers.collect_rows(self._plain, asset_id, label_key, response_hash, answer)
        self._others += others
        job_names = _json_list(tuple(sorted(answer_levels.job_names(response))))
        self._flattenings.append((label_key, response_hash, versions.FLATTEN_VERSION, asset_id, count, job_names))
        return count

    def count(self, asset_id: str, label_key: str, response_hash: str, response: answer_rows.Object) -> int:
        """Returns the number of rows of an answer that the warehouse already holds."""
        answer = answer_levels.without_interpolated(response) if self._is_key_frames_only else response
        return len(answers.rows(asset_id, label_key, response_hash, answer))

    def tables(self) -> Tables:
        """Returns all rows by table."""
        annotations = pa.concat_tables([self._plain.table(), records.ANNOTATIONS.from_dicts(self._others)])
        flattenings = records.FLATTENINGS.batch(self._flattenings, _FLATTENING_ROW)
        return {"flattenings": flattenings, "annotations": annotations}


@lru_cache  # the answers of a project contain the same few jobs
def _json_list(names: tuple[str, ...]) -> str:
    return canonical_json.text(names)
