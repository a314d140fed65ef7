"""Reasons why a record or label is rejected. A reason never contains a value of the record, which may be personal."""

import json
from dataclasses import dataclass
from typing import Any, Final

import orjson

REPEATED_KEY: Final = "repeated_key"
"""Type of the validation error for a repeated key; its context holds the key and the JSON pointer."""
OUTSIDE_YEARS: Final = "outside the years 1 to 9999 in UTC"

_WORDS: Final = {"missing": "missing", "string_too_short": "empty", "year_out_of_range": OUTSIDE_YEARS}
_RAW_LIMIT: Final = 1 << 20
_NO_NUMBER: Final = "NaN or Infinity is not a JSON number"


class BrokenRecord(ValueError):
    """A record that cannot be read: the reason, the asset's ids as far as they can be read, the number of labels."""

    def __init__(self, reason: str, record: Any = None, label_count: int = 0) -> None:
        super().__init__(reason)
        self.asset_id = _text_of(record, "id")
        self.external_id = _text_of(record, "externalId")
        self.label_count = label_count


@dataclass(frozen=True)
class BrokenLabel:
    """A label that is rejected while its asset is loaded. `location` is its JSON pointer in the asset."""

    location: str
    reason: str
    raw: str


def json_fault(text: bytes, error: orjson.JSONDecodeError) -> str:
    """Returns why the strict parser refused a JSON text."""
    if "depth limit" in str(error):
        return "nested too deeply to be read: more than 1,024 brackets in one another"
    try:
        json.loads(text.decode(), parse_constant=_no_number)
    except UnicodeDecodeError as fault:
        return f"not UTF-8 text: byte {fault.start} of the record"
    except RecursionError:
        return "nested too deeply to be read"
    except ValueError as fault:
        return str(fault) if str(fault) == _NO_NUMBER else f"not JSON: {fault}"
    if "infinity" in str(error):
        return "a number is too large: beyond 1.8e308"
    return "a text holds half of a surrogate pair (\\ud800 to \\udfff alone), which is not Unicode"


def _no_number(_: str) -> None:
    raise ValueError(_NO_NUMBER)


def reason(detail: Any, location: str) -> str:
    """Returns a pydantic error as a sentence with the place in the record, without the value."""
    place = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == REPEATED_KEY:
        return repeated_key(**detail["ctx"], location="/".join([location, *map(str, detail["loc"])]))
    if detail["type"] in _WORDS:
        return f"{place} is {_WORDS[detail['type']]}"
    expected = (
        detail["msg"]
        .removeprefix("Value error, ")
        .replace("Input should", "should")
        .replace("valid dictionary", "JSON object")
    )
    return f"{place or 'the record'} {expected}, found {json_type(detail.get('input'))}"


def repeated_key(key: str, pointer: str, location: str) -> str:
    return f"the key {key} is given more than once in one object, at {location}{pointer}"


def json_type(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def raw_text(raw: bytes) -> str:
    """Returns the text of a record that `kili.rejects` keeps: its first 1 MiB."""
    return raw[:_RAW_LIMIT].decode("utf-8", "backslashreplace")[:_RAW_LIMIT]


def parse_leniently(text: bytes) -> Any:
    """Returns JSON that may contain NaN and half surrogates, to name a broken record; null if it is not JSON."""
    try:
        return json.loads(text.decode(), parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None


def number_as_text(value: object) -> object:
    """Returns a number as text and any other value, also true or false, unchanged."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _text_of(record: Any, key: str) -> str | None:
    value = number_as_text(record.get(key)) if isinstance(record, dict) else None
    return value if isinstance(value, str) and value.isprintable() else None
