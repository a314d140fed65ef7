"""Builds the rows of `kili.annotations` for one answer, and checks that the columns can hold the values."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from pipelines.kili import canonical_json, versions
from pipelines.kili.annotations import keys, wkt

Row = dict[str, Any]
"""A row of `kili.annotations` by column."""
Object = Mapping[str, Any]

_CATEGORY_KEYS: Final = frozenset({"name", "confidence", "children"})
_OWN_KEYS: Final = frozenset({"_answer", "_parts", "_ends"})
_NO_SHAPE: Final = (None, None, None, None, None)
_TEXT_TYPES: Final = frozenset({str, type(None)})
_JSON_NUMBERS: Final = frozenset({float, int})
_NUMBER_TYPES: Final = _JSON_NUMBERS | {type(None)}
_INTEGER_TYPES: Final = frozenset({int, type(None)})
_FLAG_TYPES: Final = frozenset({bool, type(None)})


class AnswerRows:
    """Collects the rows of one answer, and the nested jobs that are still to be read.

    The place of a row is the JSON pointer to its annotation. Nested jobs wait in `nested` with their place, parent key
    and frame until the jobs before them are read. Only memory limits the depth of nesting.
    """

    def __init__(self, asset_id: str, label_key: str, response_hash: str) -> None:
        self.asset_id = asset_id
        self.label_key = label_key
        self.response_hash = response_hash
        self.keys = keys.AnswerKeys(label_key, response_hash)
        self.rows: list[Row] = []
        self.nested: list[tuple[str, Object, str | None, int | None]] = []
        self.frame: int | None = None

    def nest(self, place: str, jobs: Object | None, parent: str | None) -> None:
        """Queues nested jobs. Raises `TypeError` if they are no object."""
        if isinstance(jobs, dict):
            self.nested.append((place, jobs, parent, self.frame))
        elif is_present(jobs):
            raise TypeError("jobs are no object")

    def attach(self, first: int, rest: Object) -> str:
        """Adds keys of a job's answer to `_answer` of the job's first row, and returns the row's key.

        `first` is the number of rows before the job. Raises `ValueError` if the job has no row but `unknown` rows.
        """
        for row in self.rows[first:]:
            if row["kind"] != "unknown":
                extra = orjson.loads(row["extra"]) if row["extra"] else {}
                row["extra"] = canonical_json.text({**extra, "_answer": rest})
                return str(row["annotation_key"])
        raise ValueError("the job has no row to attach to")

    def add_annotation(
        self,
        place: str,
        job: str,
        parent: str | None,
        kind: str,
        annotation: Object,
        used: frozenset[str],
        *,
        type_: str | None = None,
        more: Object | None = None,
        **columns: Any,
    ) -> str:
        """Adds the row of an annotation with the columns that all kinds share, and returns its key.

        `used`: the keys that columns hold. `type_`: the type that the other columns imply. `more`: keys for `extra`.
        """
        extra = {} if annotation.keys() <= used else remaining(annotation, used)
        if more:
            extra |= more
        if annotation.get("type") != type_:
            extra["type"] = annotation.get("type")
        categories = annotation.get("categories")
        if categories:
            first = categories[0]
            columns["category"] = to_text(first["name"])
            columns["confidence"] = first.get("confidence")
            if len(categories) > 1 or not first.keys() <= _CATEGORY_KEYS or first.get("children"):
                extra["categories"] = [_with_child_names(category) for category in categories]
        mid = annotation.get("mid")
        if type(mid) not in _TEXT_TYPES:
            extra["mid"], mid = mid, to_text(mid)
        is_key_frame = annotation.get("isKeyFrame")
        return self.add(place, job, parent, kind, mid=mid, is_key_frame=is_key_frame, extra=extra, **columns)

    def add(
        self,
        place: str,
        job: str,
        parent: str | None,
        kind: str,
        *,
        tool: str | None = None,
        mid: str | None = None,
        category: str | None = None,
        confidence: float | None = None,
        text: str | None = None,
        begin_offset: int | None = None,
        end_offset: int | None = None,
        is_key_frame: bool | None = None,
        page_number: int | None = None,
        shape: wkt.Shape | None = None,
        start_mids: str | None = None,
        end_mids: str | None = None,
        extra: Any = None,
    ) -> str:
        """Adds a row and returns its key. Raises `TypeError` or `ValueError` if a column cannot hold its value."""
        _check(category, text, confidence, is_key_frame)
        if begin_offset is not None or end_offset is not None or page_number is not None:
            _check_integers(begin_offset, end_offset, page_number)
        key = self.keys.key(place)
        geometry, x_min, y_min, x_max, y_max = shape or _NO_SHAPE
        self.rows.append(
            {
                "annotation_key": key,
                "label_key": self.label_key,
                "response_hash": self.response_hash,
                "flatten_version": versions.FLATTEN_VERSION,
                "asset_id": self.asset_id,
                "parent_annotation_key": parent,
                "job_name": job,
                "kind": kind,
                "tool": tool,
                "mid": mid,
                "category": category,
                "confidence": confidence,
                "text": text,
                "begin_offset": begin_offset,
                "end_offset": end_offset,
                "frame": self.frame,
                "is_key_frame": is_key_frame,
                "page_number": page_number,
                "x_min": x_min,
                "y_min": y_min,
                "x_max": x_max,
                "y_max": y_max,
                "geometry": geometry,
                "start_mids": start_mids,
                "end_mids": end_mids,
                "extra": canonical_json.text(extra) if extra or kind == "unknown" else None,
            }
        )
        return key


def to_text(value: object) -> str:
    """Returns a text, or a number as JSON writes it. Raises `TypeError` for any other value."""
    if isinstance(value, str):
        return value
    if type(value) in _JSON_NUMBERS:
        return canonical_json.text(value)
    raise TypeError(f"{value!r} is not a text")


def to_text_or_none(value: object) -> str | None:
    """Returns the same as `to_text`, and null for null."""
    return None if value is None else to_text(value)


def to_list(value: Any) -> list[Any]:
    """Returns a list, and an empty list for a missing value. Raises `TypeError` for any other value."""
    if isinstance(value, list):
        return value
    if is_present(value):
        raise TypeError("not a list")
    return []


def is_present(value: object) -> bool:
    """Whether a value is neither null nor an empty list or object."""
    return value is not None and value != [] and value != {}


def remaining(part: Object, used: Any) -> dict[str, Any]:
    """Returns the present values under other keys than `used`. Raises `ValueError` for a key that the loader adds."""
    check_no_keys(part, _OWN_KEYS)
    return {key: value for key, value in part.items() if key not in used and is_present(value)}


def check_no_keys(part: Object, keys: frozenset[str] | set[str]) -> None:
    """Raises `ValueError` if an object has one of the keys that the loader adds to `extra`."""
    if not part.keys().isdisjoint(keys):
        raise ValueError("a key that the loader adds")


def _with_child_names(category: Object) -> Object:
    """Returns a category with the names of its nested jobs instead of their answers, which have rows."""
    children = category.get("children")
    return {**category, "children": sorted(children)} if children else category


def _check(category: object, text: object, confidence: object, flag: object) -> None:
    if type(category) not in _TEXT_TYPES or type(text) not in _TEXT_TYPES:
        raise TypeError("not a text")
    if type(confidence) not in _NUMBER_TYPES or type(flag) not in _FLAG_TYPES:
        raise TypeError("not a number, or not true or false")
    if type(confidence) is int and not -(2**53) <= confidence <= 2**53:
        raise ValueError("too large for its column")


def _check_integers(*values: object) -> None:
    for value in values:
        if type(value) not in _INTEGER_TYPES or (type(value) is int and value.bit_length() > 63):
            raise TypeError("not a whole number that its column can hold")
