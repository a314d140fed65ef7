"""The people whom the warehouse has forgotten, and what replaces them in rows.

Rows are replaced when they are written, after their keys and hashes were computed: an export that is loaded after
`kili-warehouse forget` gives the same rows as one loaded before. The list of people holds salted hashes only.
"""

import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.kili import canonical_json

FILE: Final = "forgotten.json"
"""The list of forgotten people, in the warehouse's `work/`."""

_PREFIX: Final = "forgotten-"
_DIGITS: Final = 16  # hexadecimal digits by which forgotten people differ
_EMAIL: Final = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)*")
_WORD: Final = r"(?:(?<![A-Za-z0-9_-])|(?<=\\[bfnrt]))[A-Za-z0-9_-]{%d}(?![A-Za-z0-9_-])"
_MAYBE: Final = r"(?:^|[^A-Za-z0-9_-]|\\[bfnrt])[A-Za-z0-9_-]{%d}(?:$|[^A-Za-z0-9_-])"
"""Words of a length, for Python and for Arrow. In JSON, a backslash and a letter stand for a line break."""
_TEXTS: Final[Mapping[str, tuple[str, ...]]] = {
    "exports": ("project_name",),
    "assets": ("external_id", "content", "json_metadata", "extra"),
    "labels": ("extra",),
    "responses": ("json_response",),
    "annotations": ("text", "category", "extra"),
    "rejects": ("external_id", "reason"),
}
"""The columns of schema `kili` that may hold texts of people."""


@dataclass(frozen=True)
class Forgotten:
    """The list: a salt, and by salted hash of each id and lower-cased e-mail the name that replaces the person.

    `id_lengths`: the lengths of the ids, so that most words of a text need no hash. `generation`: changes each time
    that someone is forgotten, so that what was published before is out of date.
    """

    salt: str
    names: Mapping[str, str]
    id_lengths: tuple[int, ...]
    generation: str = ""

    def name(self, value: str | None) -> str | None:
        """What replaces a person with this id or e-mail; null if nobody with it was forgotten."""
        return None if value is None else self.names.get(_hash(self.salt, value))

    def adding(self, ids: set[str], emails: set[str]) -> "Forgotten":
        """The list with one more person. The name depends on the least id, else on the least e-mail."""
        name = self.name(min(ids or emails)) or _PREFIX + _hash(self.salt, min(ids or emails))[:_DIGITS]
        names = {**self.names, **{_hash(self.salt, value): name for value in ids | emails}}
        return Forgotten(self.salt, names, tuple(sorted({*self.id_lengths, *map(len, ids)})), secrets.token_hex(8))

    def write(self, work: Path) -> None:
        """Writes the list in one step."""
        new = work / f".{FILE}.new"
        with new.open("w") as file:
            json.dump(self.__getstate__(), file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(work / FILE)

    def table(self, name: str, rows: pa.Table) -> pa.Table:
        """Rows of a table of schema `kili` without the forgotten people."""
        if name == "labels":
            rows = self._labels(rows)
        if name == "rejects":
            raws = [raw if raw is None or self.text(raw) == raw else None for raw in rows["raw"].to_pylist()]
            rows = _with(rows, "raw", raws)
        for column in _TEXTS.get(name, ()):
            rows = self._texts(rows, column)
        return rows

    def text(self, text: str) -> str:
        """A text, or JSON as text, in which a name stands for each forgotten id and e-mail."""
        if "@" in text:
            text = _EMAIL.sub(self._replaced, text)
        return self.name(text) or self._words.sub(self._replaced, text)

    def _texts(self, rows: pa.Table, column: str) -> pa.Table:
        """Rows with the texts of a column replaced. Arrow finds the few texts that may hold an id or e-mail."""
        values = rows[column].combine_chunks()
        is_id_long = pc.is_in(pc.utf8_length(values), pa.array(self.id_lengths, pa.int32()))
        is_maybe = pc.fill_null(pc.or_(pc.match_substring_regex(values, self._maybe), is_id_long), False)
        texts = values.filter(is_maybe).to_pylist()
        replaced = [self.text(text) for text in texts]
        if replaced == texts:
            return rows
        return _with(rows, column, pc.replace_with_mask(values, is_maybe, pa.array(replaced, values.type)))

    def _labels(self, rows: pa.Table) -> pa.Table:
        names = [
            self.name(author_id) or self.name(email)
            for author_id, email in zip(*(rows[key].to_pylist() for key in ("author_id", "author_email")), strict=True)
        ]
        if not any(names):
            return rows
        named = pa.array(names, pa.string())
        is_kept = pc.is_null(named)
        for column in ("author_id", "author_email", "author_name"):
            other = named if column == "author_id" else pa.nulls(len(rows), pa.string())
            rows = _with(rows, column, pc.if_else(is_kept, rows[column], other))
        extras = zip(rows["extra"].to_pylist(), names, strict=True)
        return _with(rows, "extra", [_without_author(extra) if extra and name else extra for extra, name in extras])

    @cached_property
    def _words(self) -> re.Pattern[str]:
        """Words as long as one of the ids; matches nothing without ids."""
        return re.compile("|".join(_WORD % length for length in self.id_lengths) or "(?!)")

    @property
    def _maybe(self) -> str:
        return "|".join(["@", *(_MAYBE % length for length in self.id_lengths)])

    def _replaced(self, found: re.Match[str]) -> str:
        word = found[0]
        if (name := self.name(word)) is not None:
            return name
        is_escape = found.string[found.start() - 1 : found.start()] == "\\"
        rest = self.name(word[1:]) if is_escape else None
        return word if rest is None else word[0] + rest

    def __getstate__(self) -> dict[str, Any]:
        return {
            "salt": self.salt,
            "names": dict(self.names),
            "id_lengths": self.id_lengths,
            "generation": self.generation,
        }


def read(work: Path) -> Forgotten | None:
    """The list of a warehouse; null if nobody was forgotten."""
    file = work / FILE
    if not file.exists():
        return None
    stored = json.loads(file.read_text())
    return Forgotten(**stored | {"id_lengths": tuple(stored["id_lengths"])})


def empty() -> Forgotten:
    """A new list, with a salt of its own."""
    return Forgotten(secrets.token_hex(32), {}, ())


def _hash(salt: str, value: str) -> str:
    normal = value.lower() if "@" in value else value
    return hmac.new(salt.encode(), normal.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def _without_author(extra: str) -> str | None:
    values = {key: value for key, value in json.loads(extra).items() if key != "author"}
    return canonical_json.text(values) if values else None


def _with(rows: pa.Table, column: str, values: Any) -> pa.Table:
    position = rows.schema.get_field_index(column)
    field = rows.schema.field(position)
    return rows.set_column(position, field, pa.array(values, field.type) if isinstance(values, list) else values)
