"""Replaces people by pseudonyms, in each record once, before its keys and hashes are computed.

A person's values are those inside an `author` object. Their pseudonyms are keyed hashes: the same value gives the same
pseudonym in every export, and nobody without the key can compute it. The e-mails and ids of a record's authors are
also replaced where they stand in other texts of this record.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pipelines.kili import export, records
from pipelines.settings import Settings

_PREFIX: Final = "person-"
_DIGITS: Final = 32  # hexadecimal digits of a pseudonym
_NAMING: Final = ("id", "email")  # the keys of an author whose values are replaced in other texts too
_COLUMNS: Final = {**records.ASSETS.keyed(), **records.LABELS.keyed()}
_KEPT: Final = {key for key, column in _COLUMNS.items() if column.type is datetime} | {
    *("id", "assetId", "labelType", "projectId", "status")
}  # keys of an asset or label whose values never name a person
_AUTHOR: Final = re.compile(r'"author"\s*:\s*(?=\{)')
_DECODER: Final = json.JSONDecoder()

Replace = Callable[[str], str]


@dataclass(frozen=True)
class Pseudonyms:
    """Computes pseudonyms with a secret key."""

    key: str = field(repr=False)

    def of(self, value: str) -> str:
        """The pseudonym of a value. E-mails that differ only in case have one pseudonym."""
        return _PREFIX + self._hash(value.lower() if "@" in value else value)[:_DIGITS]

    @property
    def fingerprint(self) -> str:
        """A hash that tells whether two keys are the same, and from which the key cannot be computed."""
        return self._hash("\0fingerprint of the key")  # no value of an export starts with this

    def asset(self, record: export.Asset, broken: Iterable[str] = ()) -> export.Asset:
        """A validated asset with pseudonyms. `broken`: the texts of its labels that could not be read."""
        texts = [author for text in broken for author in _authors(text.encode())]
        return self._object(record, self._replacing([*_nested_authors(record), *texts]))

    def text(self, text: str | None, raw: bytes) -> str | None:
        """A text about a record that could not be read, with pseudonyms of the record's authors."""
        return None if text is None else self._replacing(_authors(raw))(text)

    def _object(self, values: Mapping[str, Any], replace: Replace) -> dict[str, Any]:
        """An asset or label: its own keys stay."""
        return {key: self._member(key, value, replace) for key, value in values.items()}

    def _member(self, key: str, value: Any, replace: Replace) -> Any:
        if key in _KEPT:
            return value
        if key == "latestLabel" and isinstance(value, dict):
            return self._object(value, replace)
        if key in export.LABEL_CONTAINERS and isinstance(value, list):
            return [self._object(label, replace) if isinstance(label, dict) else label for label in value]
        return self._mapped({key: value}, replace)[key]

    def _replacing(self, authors: Iterable[Any]) -> Replace:
        """A function that replaces e-mails of these authors anywhere in a text, and their ids where they are words."""
        named = {
            str(author[key]) for author in authors if isinstance(author, dict) for key in _NAMING if author.get(key)
        }
        words = sorted(map(re.escape, named), key=len, reverse=True)
        emails = "|".join(word for word in words if "@" in word)
        ids = "|".join(word for word in words if "@" not in word)
        either = [f"(?i:{emails})"] * bool(emails) + [rf"(?<!\w)(?:{ids})(?!\w)"] * bool(ids)
        pattern = re.compile("|".join(either))
        return (lambda text: pattern.sub(lambda found: self.of(found[0]), text)) if either else _unchanged

    def _mapped(self, value: dict[str, Any], replace: Replace) -> dict[str, Any]:
        """A JSON object with its texts and names replaced; in authors, every value that is a text or a number."""
        waiting: list[tuple[Any, bool]] = [(value, False)]
        for inside, is_of_person in waiting:  # only memory limits the depth of nesting
            for key, item in enumerate(inside) if isinstance(inside, list) else list(inside.items()):
                if isinstance(item, dict):
                    is_person = is_of_person or key == "author"
                    inside[key] = dict(item) if is_person else {replace(name): one for name, one in item.items()}
                    waiting.append((inside[key], is_person))
                elif isinstance(item, list):
                    inside[key] = list(item)
                    waiting.append((inside[key], is_of_person))
                elif is_of_person:
                    inside[key] = self._personal(item)
                elif isinstance(item, str):
                    inside[key] = replace(item)
        return value

    def _personal(self, value: Any) -> Any:
        """A value of an author with a pseudonym. Nulls, booleans and empty texts name nobody."""
        return value if value in (None, "") or isinstance(value, bool) else self.of(str(value))

    def _hash(self, text: str) -> str:
        return hmac.new(self.key.encode(), text.encode(), hashlib.sha256).hexdigest()


def from_settings(settings: Settings) -> Pseudonyms | None:
    """What computes pseudonyms with the key of the settings; null if people are not replaced."""
    return Pseudonyms(settings.pseudonym_key) if settings.is_pseudonymised else None


def _unchanged(text: str) -> str:
    return text


def _authors(raw: bytes) -> list[Any]:
    """The author objects of a text that is not valid JSON, or not a valid record."""
    text, authors = raw.decode("utf-8", "replace"), []
    for found in _AUTHOR.finditer(text):
        with suppress(ValueError, RecursionError):
            authors.append(_DECODER.raw_decode(text, found.end())[0])
    return authors


def _nested_authors(record: export.Asset) -> list[Any]:
    """The author objects anywhere in a record."""
    authors: list[Any] = []
    waiting: list[Any] = [record]
    for inside in waiting:
        for key, item in enumerate(inside) if isinstance(inside, list) else inside.items():
            if isinstance(item, dict | list):
                waiting.append(item)
                authors += [item] * (key == "author")
    return authors
