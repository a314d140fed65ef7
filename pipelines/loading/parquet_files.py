"""Parquet files of rows. dlt links them into a load unchanged, so several processes can write them at once."""

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
"""Rows by table name, of some tables."""

_TEMPORARY_FILE: Final[dict[str, Any]] = {
    "compression": "none",
    "write_statistics": False,
    "dictionary_pagesize_limit": 2048,  # bytes: a dictionary does not pay for keys, which are all distinct
}
"""Options of files that are read only once, completely and from the same disk."""

_DICTIONARY: Final = pa.dictionary(pa.int8(), pa.string())


@dataclass(frozen=True)
class File:
    """A file of rows of one table."""

    table: str
    path: str
    row_count: int


class Spool:
    """Writes the rows of one load: a file for each table that has rows, in a folder from which dlt can link."""

    def __init__(self, folder: Path, load_id: str, declared: Sequence[Table]) -> None:
        self.folder = folder
        self.load_id = load_id
        self._schemas = {table.name: _schema(table) for table in declared}
        self._writers: dict[str, tuple[Path, pq.ParquetWriter]] = {}
        self._counts: Counter[str] = Counter()
        self._other_files: list[File] = []

    def write(self, rows: Rows) -> None:
        """Appends rows to the files of their tables."""
        for name, table in rows.items():
            if len(table):
                columns = [*table.columns, _repeated(self.load_id, len(table))]
                self._writer(name).write_table(pa.Table.from_arrays(columns, schema=self._schemas[name]))
                self._counts[name] += len(table)

    def add(self, files: Sequence[File]) -> None:
        """Adds files that another process has written."""
        self._other_files += files

    def close(self) -> list[File]:
        """Closes the files; returns them and those of other processes."""
        for _, writer in self._writers.values():
            writer.close()
        files = [File(name, str(path), self._counts[name]) for name, (path, _) in self._writers.items()]
        return [*files, *self._other_files]

    def _writer(self, name: str) -> pq.ParquetWriter:
        if name not in self._writers:
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / f"{name}.{uuid4().hex}.parquet"
            self._writers[name] = path, pq.ParquetWriter(path, self._schemas[name], **_TEMPORARY_FILE)
        return self._writers[name][1]


def _schema(table: Table) -> pa.Schema:
    """The columns of a table in dlt's order: the id of the load comes last."""
    return table.arrow_schema.append(pa.field(LOAD_ID, _DICTIONARY, nullable=False))


def _repeated(value: str, size: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int8()), size), pa.array([value]))
