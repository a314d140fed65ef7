"""Records -> tables: a batch of texts taken apart into the rows that are new. Pure; runs in any process."""

from dataclasses import dataclass

import orjson
import pyarrow as pa

from pipelines.kili import answers, flatten, parsing, records
from pipelines.kili.parsing import Counts, Text
from pipelines.kili.plain import Plain

Tables = dict[str, pa.Table]
Version = tuple[str, str]
Answer = tuple[str, str]


@dataclass
class State:
    """What is known of the assets of a batch: their versions with the number of annotations, and their answers."""

    versions: dict[Version, int]
    answers: set[Answer]


@dataclass
class Taken:
    """A batch taken apart: its assets and their versions, the tables of what is new, rejects as `parsing` has them."""

    versions: list[Version]
    tables: Tables
    rejects: list[answers.Row]
    counts: Counts


def take(texts: list[list[Text]], state: State) -> Taken:
    """The rows of assets whose version is new; answers and annotations only where the answer is new too."""
    batch = parsing.parsed(texts)
    versions = [(asset.asset_id, asset.version) for asset in batch.assets]
    known = [state.versions[version] for version in versions if version in state.versions]
    new = [asset for asset, version in zip(batch.assets, versions, strict=True) if version not in state.versions]
    annotations, labels, responses = _Annotations(), [], []
    for asset in new:
        for label in asset.labels:
            is_new = label.response is not None and (label.key, label.response_hash) not in state.answers
            count = annotations.add(asset.asset_id, label, is_new=is_new)
            labels.append(asset.label_row(label, count))
            if is_new:
                responses.append((label.key, label.response_hash, label.json_response))
            batch.counts.annotation_count += count
    batch.counts.unchanged_asset_count += len(known)
    batch.counts.annotation_count += sum(known)
    tables = {
        "assets": records.ASSETS.batch([asset.row for asset in new]),
        "labels": records.LABELS.batch(labels),
        "responses": records.RESPONSES.batch(responses),
        "annotations": annotations.table(),
    }
    return Taken(versions, {name: table for name, table in tables.items() if len(table)}, batch.rejects, batch.counts)


def flattened_again(said: list[tuple[str, str, str, str]]) -> Tables:
    """The annotations of answers: asset_id, label_key, response_hash, json_response."""
    found = _Annotations()
    for asset_id, label_key, response_hash, json_response in said:
        found.gather(asset_id, label_key, response_hash, orjson.loads(json_response))
    return {"annotations": found.table()}


class _Annotations:
    """Rows of `kili.annotations`: those of plain jobs in columns, the others."""

    def __init__(self) -> None:
        self._plain = Plain(answers.FLATTEN_VERSION)
        self._others: list[answers.Row] = []

    def add(self, asset_id: str, label: flatten.FlatLabel, *, is_new: bool) -> int:
        """Adds the rows of a label's answer if it is new; gives their number."""
        if label.response is None or label.response_hash is None:
            return 0
        if not is_new:
            return len(answers.rows(asset_id, label.key, label.response_hash, label.response))
        return self.gather(asset_id, label.key, label.response_hash, label.response)

    def gather(self, asset_id: str, label_key: str, response_hash: str, response: answers.Object) -> int:
        """Adds the rows of an answer; gives their number."""
        others, count = answers.gather(self._plain, asset_id, label_key, response_hash, response)
        self._others += others
        return count

    def table(self) -> pa.Table:
        """All of them."""
        return pa.concat_tables([self._plain.table(), records.ANNOTATIONS.batch(self._others)])
