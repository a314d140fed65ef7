"""The plainest answers, which most are, taken apart a job at a time and gathered in columns.

`answers` knows every shape and makes a row of each annotation, which is slow. Jobs whose whole answer is boxes,
entities, categories or a text, and holds nothing that has no column, are told here by their keys. Both ways give the
same rows: whatever is unsure here is not plain.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.kili import records

Object = Mapping[str, Any]
Nested = tuple[str, Object, str | None, int | None]
"""Jobs to be read later: their place, the jobs, their parent's key, their frame."""
Here = tuple[str | None, str, int | None]
"""Where a job stands: its parent's key, its name, its frame."""

LEFT_OUT: Final[dict[str, Any]] = {}
"""Stands, itself and no equal, where an annotation was that is not wanted."""

_ANSWER_KEYS: Final = frozenset({"annotations", "categories", "text", "isKeyFrame"})
_SHARED: Final = frozenset({"mid", "categories", "children", "isKeyFrame"})
_BOX_KEYS: Final = _SHARED | {"type", "boundingPoly"}
_ENTITY_KEYS: Final = _SHARED | {"beginOffset", "endOffset", "content"}
_POLY_KEYS: Final = frozenset({"normalizedVertices", "vertices"})
_CATEGORY_KEYS: Final = frozenset({"name", "confidence", "children"})
_FLAGS: Final = frozenset({bool, type(None)})
_EXACT: Final = 2**53
_SCHEMA: Final = records.ANNOTATIONS.arrow_schema
_SPOKEN: Final = (
    "annotation_key",
    "parent_annotation_key",
    "job_name",
    "frame",
    "is_key_frame",
    "mid",
    "category",
    "confidence",
    "kind",
    "text",
    "begin_offset",
    "end_offset",
)
_BOXES: Final = (*_SPOKEN[:8], "a_x", "a_y", "c_x", "c_y", "is_beside")


class _NotPlain(Exception):
    """The answer of a job has to be read in full."""


_UNSURE: Final = (_NotPlain, KeyError, TypeError, ValueError, AttributeError)


class Plain:
    """Rows of the plain jobs of many answers: upright boxes, and what is said in words.

    A box is kept as two opposite vertices and whether the second vertex lies beside the first (else above or below);
    its WKT is written with all the others'.
    """

    def __init__(self, flatten_version: int) -> None:
        self._version = pa.scalar(flatten_version, pa.int64())
        self._boxes: list[tuple[object, ...]] = []
        self._spoken: list[tuple[object, ...]] = []
        self._answers: list[tuple[str, str, str]] = []
        self._ends: list[tuple[int, int]] = [(0, 0)]
        self._hash = hashlib.blake2b(digest_size=16)

    def begin(self, asset_id: str, label_key: str, response_hash: str) -> None:
        """The jobs that follow are of this answer."""
        self._answers.append((asset_id, label_key, response_hash))
        self._hash = hashlib.blake2b(f"{label_key}{response_hash}".encode(), digest_size=16)

    def end(self) -> int:
        """The answer is complete; gives the number of its rows."""
        boxes, spoken = self._ends[-1]
        self._ends.append((len(self._boxes), len(self._spoken)))
        return len(self._boxes) - boxes + len(self._spoken) - spoken

    def job(
        self, answer: Object, place: str, job: str, parent: str | None, frame: int | None, nested: list[Nested]
    ) -> bool:
        """Takes a job's answer, if it is plain; jobs nested in it are added to `nested`."""
        before = len(self._boxes), len(self._spoken), len(nested)
        try:
            self._job(answer, place, (parent, job, frame), nested)
        except _UNSURE:
            del self._boxes[before[0] :], self._spoken[before[1] :], nested[before[2] :]
            return False
        return True

    def table(self) -> pa.Table:
        """All rows, in the columns of `kili.annotations`."""
        ends = np.array(self._ends)
        boxes, spoken = (np.repeat(np.arange(len(self._answers)), counts) for counts in np.diff(ends, axis=0).T)
        columns = _shaped(_columns(_BOXES, self._boxes)), _columns(_SPOKEN, self._spoken)
        return pa.concat_tables([self._table(boxes, columns[0]), self._table(spoken, columns[1])])

    def _job(self, answer: Object, place: str, here: Here, nested: list[Nested]) -> None:
        if not answer.keys() <= _ANSWER_KEYS:
            raise _NotPlain
        annotations, categories = _list(answer.get("annotations")), _list(answer.get("categories"))
        is_key_frame, text = _flag(answer.get("isKeyFrame")), answer.get("text")
        self._annotations(annotations, f"{place}/annotations", here, nested)
        self._categories(categories, is_key_frame, f"{place}/categories", here, nested)
        if text is not None:
            said = (None, None, None, "transcription", _text(text), None, None)
            self._spoken.append((self._key(f"{place}/text"), *here, is_key_frame, *said))
        elif annotations and not categories and is_key_frame is not None:
            raise _NotPlain

    def _annotations(self, annotations: Sequence[Object], place: str, here: Here, nested: list[Nested]) -> None:
        """Checks are written out where they are many: a call for each takes as long as all the rest."""
        begun = self._hash
        for position, said in enumerate(annotations):
            if said is LEFT_OUT:
                continue
            at = f"{place}/{position}"
            digest = begun.copy()
            digest.update(at.encode())
            key = digest.hexdigest()
            (category,) = said["categories"]
            name, confidence = category["name"], category.get("confidence")
            mid, is_key_frame = said.get("mid"), said.get("isKeyFrame")
            if len(category) != 2 or type(name) is not str or not (type(confidence) is int and 0 <= confidence <= 100):
                name, confidence = _category(category)
            if (mid is not None and type(mid) is not str) or type(is_key_frame) not in _FLAGS:
                raise _NotPlain
            head = (key, *here, is_key_frame, mid, name, confidence)
            if "boundingPoly" not in said:
                self._spoken.append(head + _entity(said))
            elif said["type"] == "rectangle" and said.keys() <= _BOX_KEYS:
                self._boxes.append(head + _box(*said["boundingPoly"]))
            else:
                raise _NotPlain
            if children := said.get("children"):
                nested.append((f"{at}/children", _object(children), key, here[2]))

    def _categories(
        self, categories: Sequence[Object], is_key_frame: bool | None, place: str, here: Here, nested: list[Nested]
    ) -> None:
        for position, category in enumerate(categories):
            at = f"{place}/{position}"
            key = self._key(at)
            children = category.get("children")
            name, confidence = _category({**category, "children": None} if children else category)
            self._spoken.append((key, *here, is_key_frame, None, name, confidence, "classification", None, None, None))
            if children:
                nested.append((f"{at}/children", _object(children), key, here[2]))

    def _key(self, place: str) -> str:
        """The annotation's key, which hashes its answer and place."""
        digest = self._hash.copy()
        digest.update(place.encode())
        return digest.hexdigest()

    def _table(self, answers: np.ndarray, columns: dict[str, Any]) -> pa.Table:
        """Columns beside those of the answers; the rest null."""
        size = len(answers)
        at = pa.array(answers)
        listed = zip(*self._answers, strict=True) if self._answers else ([], [], [])
        for name, values in zip(("asset_id", "label_key", "response_hash"), listed, strict=True):
            columns[name] = pa.array(values, pa.string()).take(at)
        columns["flatten_version"] = pa.repeat(self._version, size)
        return pa.table([columns[f.name] if f.name in columns else pa.nulls(size, f.type) for f in _SCHEMA], _SCHEMA)


def _columns(names: Sequence[str], rows: list[tuple[object, ...]]) -> dict[str, Any]:
    values = zip(*rows, strict=True) if rows else ([] for _ in names)
    types = {field.name: field.type for field in _SCHEMA}
    return {name: pa.array(column, types.get(name)) for name, column in zip(names, values, strict=True)}


def _shaped(columns: dict[str, Any]) -> dict[str, Any]:
    """Upright boxes with bounds and WKT: both read as `geometry.box` has them."""
    is_beside = columns.pop("is_beside").cast(pa.bool_())
    x, y, u, v = (columns.pop(name).cast(pa.float64()) for name in ("a_x", "a_y", "c_x", "c_y"))
    size = len(x)
    texts = _numbers(pa.concat_arrays([x, y, u, v]))
    p, q, r, s = (texts[i * size : (i + 1) * size] for i in range(4))
    a, c, beside, above = (pc.binary_join_element_wise(*pair, " ") for pair in ((p, q), (r, s), (r, q), (p, s)))
    b, d = pc.if_else(is_beside, beside, above), pc.if_else(is_beside, above, beside)
    ring = pc.binary_join_element_wise(a, b, c, d, a, ", ")
    is_left, is_low = pc.less(x, u), pc.less(y, v)
    return columns | {
        "kind": pa.repeat("object", size),
        "tool": pa.repeat("rectangle", size),
        "geometry": pc.binary_join_element_wise("POLYGON ((", ring, "))", ""),
        "x_min": pc.if_else(is_left, x, u),
        "y_min": pc.if_else(is_low, y, v),
        "x_max": pc.if_else(is_left, u, x),
        "y_max": pc.if_else(is_low, v, y),
    }


def _numbers(values: pa.Array) -> pa.Array:
    """Numbers as Python writes them; Arrow, much faster, writes others than these in its own way."""
    numbers = values.to_numpy()
    size = np.abs(numbers)
    is_other = (size < 1e-4) | (size >= 1e7) | (numbers == np.rint(numbers))
    others = pa.array([repr(number) for number in numbers[is_other].tolist()], pa.string())
    return pc.replace_with_mask(values.cast(pa.string()), pa.array(is_other), others)


def _box(poly: Object) -> tuple[object, ...]:
    a, b, c, d = poly["normalizedVertices"]
    if len(poly) > 1 and not poly.keys() <= _POLY_KEYS:
        raise _NotPlain
    x, y, u, v = a["x"], a["y"], c["x"], c["y"]
    if not (len(a) == len(b) == len(c) == len(d) == 2 and type(x) is type(y) is type(u) is type(v) is float):
        raise _NotPlain
    if b["x"] == x and b["y"] == v and d["x"] == u and d["y"] == y:
        return x, y, u, v, False
    if b["y"] == y and b["x"] == u and d["y"] == v and d["x"] == x:
        return x, y, u, v, True
    raise _NotPlain


def _entity(said: Object) -> tuple[object, ...]:
    if not said.keys() <= _ENTITY_KEYS:
        raise _NotPlain
    begin, end = said["beginOffset"], said.get("endOffset")
    if not _is_whole(begin) or not (end is None or _is_whole(end)):
        raise _NotPlain
    return "entity", _text(said.get("content")), begin, end


def _category(category: Object) -> tuple[str, float | None]:
    """Its name and confidence, if that is all there is."""
    name, confidence = category["name"], category.get("confidence")
    if type(name) is not str or not category.keys() <= _CATEGORY_KEYS:
        raise _NotPlain
    if type(confidence) is not float and confidence is not None and not _is_whole(confidence):
        raise _NotPlain
    if category.get("children") not in (None, {}):
        raise _NotPlain
    return name, confidence


def _list(value: object) -> list[Any]:
    if type(value) is list:
        return value
    if value is None:
        return []
    raise _NotPlain


def _object(value: object) -> Object:
    if isinstance(value, dict):
        return value
    raise _NotPlain


def _text(value: object) -> str | None:
    if value is None or type(value) is str:
        return value
    raise _NotPlain


def _flag(value: object) -> bool | None:
    if value is None or type(value) is bool:
        return value
    raise _NotPlain


def _is_whole(value: object) -> bool:
    """Whether it is a whole number that a float holds exactly."""
    return type(value) is int and -_EXACT <= value <= _EXACT
