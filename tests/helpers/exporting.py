"""Hand-made exports for tests, and the result of reading a file: rows by column name, rejects, ledger."""

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.kili import batch as record_batch
from pipelines.kili import flatten, records
from pipelines.kili import reader as reading
from pipelines.kili.annotations import answers
from pipelines.landing import discovery
from pipelines.loading import tables
from pipelines.settings import Limits

REAL = Path(__file__).parents[1] / "real_exports"
README = """Exported Labels from KILI
=========================

- Project name: Cars
- Project identifier: p1
- Project description: several
lines
- Export date: 20260102-030405
- Exported format: kili
- Exported labels: normal
"""

Row = dict[str, Any]


@dataclass
class Read:
    """The result of reading one export."""

    assets: list[flatten.FlatAsset]
    rejects: list[Row]
    ledger: Row

    @property
    def annotations(self) -> list[Row]:
        return [row for asset in self.assets for label in asset.labels for row in annotations(label.response or {})]

    @property
    def reasons(self) -> list[tuple[str | None, str, str]]:
        return [(reject["entry"], reject["location"], reject["reason"]) for reject in self.rejects]

    def reconcile(self) -> None:
        """Promise 1: every record of the file is loaded or rejected."""
        said = self.ledger
        assert said["asset_count"] == (len(self.assets) + said["rejected_asset_count"] + said["duplicate_asset_count"])
        assert said["label_count"] == (
            sum(len(a.labels) for a in self.assets) + said["rejected_label_count"] + said["duplicate_label_count"]
        )
        places = [(reject["entry"], reject["location"]) for reject in self.rejects]
        assert len(places) == len(set(places))
        ids = [asset.asset_id for asset in self.assets]
        assert len(ids) == len(set(ids))


def assets_of(reader: reading.Reader) -> Iterator[list[flatten.FlatAsset]]:
    """The assets of an export, each once, in batches."""
    for texts in reader.batches():
        batch = record_batch.Batch()
        assets = [asset for group in texts if (asset := batch.add(group)) is not None]
        reader.add_result(batch.rejects, batch.counts)
        yield assets


def read(path: Path, limits: Limits = Limits(), zone: str = "UTC") -> Read:  # noqa: B008
    """An export, read as the source reads it."""
    new = reading.NewExport(discovery.Landed(str(path), path), "e1", 1)
    reader = reading.Reader(new, None, ZoneInfo(zone), limits)
    assets = [asset for batch in assets_of(reader) for asset in batch]
    found = Read(assets, [dict.fromkeys(records.REJECTS.names) | reject for reject in reader.rejects], {})
    found.ledger = reader.ledger_row()
    found.reconcile()
    return found


def annotations(response: Any) -> list[Row]:
    """The rows of one answer."""
    return answers.rows("a1", "k1", "h1", response)


def named(table: tables.Table, row: tuple[object, ...]) -> Row:
    return dict(zip([column.name for column in table.columns], row, strict=True))


class Again(str):
    """A key that a dict, and so its JSON, can contain twice."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


def label(response: Any = None, **more: Any) -> Row:
    """A label as Kili writes it."""
    return {
        "author": {"id": "u1", "email": "u1@example.com"},
        "createdAt": "2026-01-01T10:00:00.000Z",
        "labelType": "DEFAULT",
        "jsonResponse": response or {},
        **more,
    }


def asset(asset_id: str = "a1", *labels: Any, **more: Any) -> Row:
    """An asset as Kili writes it."""
    return {"id": asset_id, "externalId": f"{asset_id}.jpg", "labels": list(labels), **more}


def text(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def written(path: Path, value: Any) -> Path:
    """A file of JSON, or of bytes as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text(value))
    return path


def zipped(path: Path, *entries: tuple[str | zipfile.ZipInfo, Any]) -> Path:
    """A zip of JSON values or bytes; a name may come twice."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in entries:
            archive.writestr(name, text(value))
    return path
