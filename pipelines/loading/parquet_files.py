"""Writes rows to Parquet files that dlt imports unchanged. Several processes may write at once."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.loading.tables import LOAD_ID, Table

Rows = Mapping[str, pa.Table]
"""Rows by table, of some tables."""

_READ_ONCE: Final[dict[str, Any]] = {
    "compression": "none",
    "write_statistics": False,
    "dictionary_pagesize_limit": 2048,  # bytes of values up to which they are listed: of keys, none is met twice
}
"""How files are written that are read once, whole, from the same disk."""

_REPEATED: Final = pa.dictionary(pa.int8(), pa.string())


@dataclass(frozen=True)
class File:
    """A file of rows of one table."""

    table: str
    path: str
    row_count: int


class Spool:
    """Writes the rows of one load, one file for each table, in a folder that dlt can link from."""

    def __init__(self, folder: Path, load_id: str, declared: Sequence[Table]) -> None:
        self.folder = folder
        self.load_id = load_id
        self._schemas = {table.name: _loaded(table) for table in declared}
        self._writers: dict[str, tuple[Path, pq.ParquetWriter]] = {}
        self._counts: Counter[str] = Counter()
        self._others: list[File] = []

    def write(self, rows: Rows) -> None:
        """Adds rows to the files of their tables."""
        for name, table in rows.items():
            if len(table):
                columns = [*table.columns, _repeated(self.load_id, len(table))]
                self._writer(name).write_table(pa.Table.from_arrays(columns, schema=self._schemas[name]))
                self._counts[name] += len(table)

    def add(self, files: Sequence[File]) -> None:
        """Adds files that another process has written."""
        self._others += files

    def close(self) -> list[File]:
        """Closes the files; returns them and those of other processes."""
        for _, writer in self._writers.values():
            writer.close()
        own = [File(name, str(path), self._counts[name]) for name, (path, _) in self._writers.items()]
        return [*own, *self._others]

    def _writer(self, name: str) -> pq.ParquetWriter:
        if name not in self._writers:
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / f"{name}.{uuid4().hex}.parquet"
            self._writers[name] = path, pq.ParquetWriter(path, self._schemas[name], **_READ_ONCE)
        return self._writers[name][1]


def _loaded(table: Table) -> pa.Schema:
    """The columns of a table in dlt, which end with the id of the load."""
    return table.arrow_schema.append(pa.field(LOAD_ID, _REPEATED, nullable=False))


def _repeated(value: str, size: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int8()), size), pa.array([value]))
