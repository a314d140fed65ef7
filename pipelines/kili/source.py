"""The dlt source of schema `kili`: reads each export once and feeds every table. Only what changed is written."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import dlt
import orjson
import pyarrow as pa
from dlt.sources import DltResource

from pipelines.kili import answers, flatten, records
from pipelines.kili.known import Known
from pipelines.kili.reading import NewExport, Reader
from pipelines.limits import DEFAULT, Limits
from pipelines.tables import Table

Batch = dict[str, list[answers.Row]]

log = logging.getLogger(__name__)


@dlt.source(name="kili")
def kili(
    exports: list[NewExport], database: Path, project_id: str | None, timezone: ZoneInfo, limits: Limits = DEFAULT
) -> Iterator[DltResource]:
    """Seven tables with one unselected parent, so that each export is read once.

    `database` is asked what is known already; `project_id` and `timezone` fill in what exports may not say; `limits`
    bound what is read.
    """

    def read() -> Iterator[Batch]:
        yield {table.name: [] for table in records.TABLES}  # a table is there even if no export has ever filled it
        with Known(database) as known:
            for outdated in known.outdated(answers.FLATTEN_VERSION):
                yield {"annotations": [row for one in outdated for row in _flattened_again(*one)]}
            for number, export in enumerate(exports, start=1):
                reader = Reader(export, project_id, timezone, limits)
                yield from _batches(reader, known, is_last=number == len(exports))
                log.info("read %s (%d of %d)", export.landed.url, number, len(exports))

    parent = dlt.resource(read, name="read", selected=False)
    for table in records.TABLES:
        yield parent | dlt.transformer(
            _pick(table),
            name=table.name,
            columns={column.name: column.dlt for column in table.columns},
            write_disposition="append",
        )


def _pick(table: Table) -> Callable[[Batch], pa.Table | None]:
    def pick(batch: Batch) -> pa.Table | None:
        rows = batch.get(table.name)
        return None if rows is None else table.batch(rows)

    return pick


def _flattened_again(asset_id: str, label_key: str, response_hash: str, json_response: str) -> list[answers.Row]:
    return answers.rows(asset_id, label_key, response_hash, orjson.loads(json_response))


def _batches(reader: Reader, known: Known, *, is_last: bool) -> Iterator[Batch]:
    for assets in reader.assets():
        versions = known.versions([(asset.asset_id, asset.version) for asset in assets])
        new = [asset for asset in assets if (asset.asset_id, asset.version) not in versions]
        reader.unchanged_asset_count += len(versions)
        reader.annotation_count += sum(versions.values())
        batch = _rows(new, known)
        batch["sightings"] = [(reader.new.export_id, asset.asset_id, asset.version) for asset in assets]
        reader.annotation_count += sum(int(str(row[_ANNOTATION_COUNT])) for row in batch["labels"])
        batch["rejects"], reader.rejects = reader.rejects, []
        if not is_last:
            known.add(batch["assets"], batch["labels"], batch["responses"])
        yield {name: rows for name, rows in batch.items() if rows}
    yield {"rejects": reader.rejects, "exports": [reader.ledger_row()]}


_ANNOTATION_COUNT = [column.name for column in records.LABELS.columns].index("annotation_count")


def _rows(assets: list[flatten.FlatAsset], known: Known) -> Batch:
    """The rows of assets whose version is new; answers and annotations only where the answer is new too."""
    batch: Batch = {"assets": [], "labels": [], "responses": [], "annotations": []}
    said = known.answers(
        [(label.key, label.response_hash) for asset in assets for label in asset.labels if label.response_hash]
    )
    for asset in assets:
        batch["assets"].append(asset.row)
        for label in asset.labels:
            found: list[answers.Row] = []
            if label.response is not None and label.response_hash is not None:
                found = answers.rows(asset.asset_id, label.key, label.response_hash, label.response)
                if (label.key, label.response_hash) not in said:
                    batch["responses"].append((label.key, label.response_hash, label.json_response))
                    batch["annotations"] += found
            batch["labels"].append(asset.label_row(label, len(found)))
    return batch
