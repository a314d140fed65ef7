"""Finds texts in all files of a folder: in their bytes, unpacked too, and in each text of their tables."""

import gzip
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb


def places(folder: Path, *texts: str) -> set[tuple[str, str]]:
    """The names of the files that hold a text, each with the text. Case does not count."""
    wanted = [(text, text.lower().encode()) for text in texts]
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return {
        (path.relative_to(folder).as_posix(), text)
        for path in files
        for content in _contents(path)
        for text, there in wanted
        if there in content.lower()
    }


def _contents(path: Path) -> Iterator[bytes]:
    """Yields the bytes of a file, what is packed in it, and the texts of its tables."""
    raw = path.read_bytes()
    yield raw
    if raw[:2] == b"\x1f\x8b":
        yield gzip.decompress(raw)
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            yield from (packed.read(name) for name in packed.namelist())
    elif raw[8:12] == b"DUCK":
        with duckdb.connect(str(path), read_only=True) as db:
            tables = db.execute("select database_name, schema_name, table_name from duckdb_tables()").fetchall()
            for database, schema, table in tables:
                yield _text(db.execute(f'from "{database}"."{schema}"."{table}"').fetchall())
    elif raw[:4] == b"PAR1":
        yield _text(duckdb.sql(f"from read_parquet('{path}')").fetchall())
    elif raw[:15] == b"SQLite format 3":
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as lite:
            for (table,) in lite.execute("select name from sqlite_master where type = 'table'").fetchall():
                yield _text(lite.execute(f'select * from "{table}"').fetchall())


def _text(rows: list[tuple[object, ...]]) -> bytes:
    return "\n".join(str(value) for row in rows for value in row).encode()
