"""Rows of `kili.annotations` built in columns: those of the common jobs of many answers at a time (fast path)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.kili import canonical_json, records
from pipelines.kili.annotations import common_shapes, keys, wkt_columns
from pipelines.kili.annotations import drawings as drawing

Nested = tuple[str, Mapping[str, Any], str | None, int | None]
"""Nested jobs that are read later: their place, the jobs, the key of their parent, their frame."""
Here = tuple[int, str | None, str, int | None]
"""A job's answer number, parent key, name and frame."""
Arrays = dict[str, Any]

FILTERED_OUT: Final[dict[str, Any]] = {}
"""Replaces an annotation that was filtered out; compared by identity."""

_SCHEMA: Final = records.ANNOTATIONS.arrow_schema
_MANY: Final = 20_000  # items of a kind that are gathered before they become a table; a long video has more
_ANSWER: Final = ("asset_id", "label_key", "response_hash")
_Item = TypeVar("_Item")


@dataclass
class _Gathered(Generic[_Item]):
    """Items of a kind with their positions; for each list of items its job, hashed place and length."""

    items: list[_Item] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    jobs: list[Here] = field(default_factory=list)
    hashed: list[bytes] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)

    def add(self, items: Sequence[_Item], positions: Sequence[int], here: Here, hashed: bytes) -> None:
        self.items += items
        self.positions += positions
        self.jobs.append(here)
        self.hashed.append(hashed)
        self.counts.append(len(items))

    def clear(self) -> None:
        for gathered in (self.items, self.positions, self.jobs, self.hashed, self.counts):
            gathered.clear()

    def columns(self, answers: list[pa.Array]) -> Arrays:
        """The columns that the items take from their answers and jobs."""
        numbers, parents, names, frames = zip(*self.jobs, strict=True)
        lists = np.repeat(np.arange(len(numbers)), self.counts)
        answer = pa.array(np.repeat(numbers, self.counts))
        found = {name: values.take(answer) for name, values in zip(_ANSWER, answers, strict=True)}
        found["annotation_key"] = keys.column(self.hashed, lists, self.positions)
        for name, values in (("parent_annotation_key", parents), ("job_name", names), ("frame", frames)):
            found[name] = pa.array(values, _SCHEMA.field(name).type).take(pa.array(lists))
        return found


class Columns:
    """Rows of the common jobs of many answers."""

    def __init__(self, flatten_version: int) -> None:
        self._version = pa.scalar(flatten_version, pa.int64())
        self._outlined = _Gathered[common_shapes.Annotation]()
        self._entities = _Gathered[common_shapes.Annotation]()
        self._chosen = _Gathered[tuple[common_shapes.Category, bool | None]]()
        self._texts = _Gathered[tuple[str, bool | None]]()
        self._answers: list[tuple[str, str, str]] = []
        self._tables: list[pa.Table] = []
        self._keys = keys.Answer("", "")
        self._count = 0

    def begin(self, asset_id: str, label_key: str, response_hash: str, its_keys: keys.Answer) -> None:
        """Starts an answer: the jobs that follow belong to it."""
        self._answers.append((asset_id, label_key, response_hash))
        self._keys = its_keys
        self._count = 0

    def end(self) -> int:
        """Ends the answer; returns the number of its rows."""
        return self._count

    def job(
        self, answer: object, place: str, name: str, parent: str | None, frame: int | None, nested: list[Nested]
    ) -> bool:
        """Adds the rows of a job's answer, and its nested jobs to `nested`. Returns false for other shapes."""
        positions: Sequence[int] | None = None
        if not isinstance(answer, common_shapes.Job):
            answer, positions = _wanted(answer)
            answer = common_shapes.job(answer)
            if answer is None:
                return False
        here = len(self._answers) - 1, parent, name, frame
        if annotations := answer.annotations:
            gathered = self._outlined if annotations[0].boundingPoly else self._entities
            if answer.categories or answer.text is not None or answer.isKeyFrame is not None or not _fit(annotations):
                return False
            self._add(gathered, annotations, annotations, f"{place}/annotations", here, nested, positions)
            return True
        if categories := answer.categories:
            positions = _distinct(categories)
            categories = [categories[position] for position in positions]
            chosen = [(category, answer.isKeyFrame) for category in categories]
            self._add(self._chosen, chosen, categories, f"{place}/categories", here, nested, positions)
        if answer.text:
            self._texts.add([(answer.text, answer.isKeyFrame)], [0], here, self._keys.hashed(f"{place}/text"))
            self._count += 1
        return True

    def table(self) -> pa.Table:
        """All rows, in the columns of `kili.annotations`."""
        self._tabulate()
        return pa.concat_tables(self._tables or [_SCHEMA.empty_table()])

    def _tabulate(self) -> None:
        """Turns the gathered items into tables, which take less memory."""
        answers = [pa.array(column, pa.string()) for column in zip(*self._answers, strict=True)]
        self._add_table(answers, self._outlined, _outlined)
        self._add_table(answers, self._entities, _entities)
        self._add_table(answers, self._chosen, _chosen)
        self._add_table(answers, self._texts, _texts)

    def _add(
        self,
        gathered: _Gathered[Any],
        items: list[Any],
        parents: Sequence[common_shapes.Annotation | common_shapes.Category],
        place: str,
        here: Here,
        nested: list[Nested],
        positions: Sequence[int] | None = None,
    ) -> None:
        positions, hashed = positions or range(len(items)), self._keys.hashed(place)
        gathered.add(items, positions, here, hashed)
        self._count += len(items)
        if len(gathered.items) >= _MANY:
            self._tabulate()
        for position, parent in zip(positions, parents, strict=True):
            if parent.children:
                nested.append((f"{place}/{position}/children", parent.children, keys.at(hashed, position), here[3]))

    def _add_table(
        self, answers: list[pa.Array], gathered: _Gathered[_Item], columns: Callable[[list[_Item]], Arrays]
    ) -> None:
        if not gathered.items:
            return
        size = len(gathered.items)
        found = columns(gathered.items) | gathered.columns(answers)
        found["flatten_version"] = pa.repeat(self._version, size)
        arrays = [found[f.name] if f.name in found else pa.nulls(size, f.type) for f in _SCHEMA]
        self._tables.append(pa.table(arrays, _SCHEMA))
        gathered.clear()


def _wanted(answer: Any) -> tuple[Any, list[int] | None]:
    """The answer without filtered annotations, and the positions of the others if there are filtered ones."""
    annotations = answer.get("annotations") if isinstance(answer, dict) else None
    if not (isinstance(annotations, list) and FILTERED_OUT in annotations):
        return answer, None
    positions = [position for position, one in enumerate(annotations) if one is not FILTERED_OUT]
    return {**answer, "annotations": [annotations[position] for position in positions]}, positions


def _fit(annotations: list[common_shapes.Annotation]) -> bool:
    """Whether all annotations are entities, or all are objects that share no region."""
    if not annotations[0].boundingPoly:
        return all(one.beginOffset is not None and one.type is None and one.boundingPoly is None for one in annotations)
    regions: list[str] = []
    for one in annotations:
        if one.beginOffset is not None or one.endOffset is not None or one.content is not None:
            return False
        if not (one.boundingPoly and one.type):
            return False
        if one.type == "semantic" and one.mid is not None:
            regions.append(one.mid)
    return len(set(regions)) == len(regions)


def _distinct(categories: list[common_shapes.Category]) -> Sequence[int]:
    """The positions of distinct categories; the first of a category that is chosen twice."""
    if len(categories) == 1:
        return (0,)
    first: dict[str, int] = {}
    for position, category in enumerate(categories):
        first.setdefault(category.name, position)
    return list(first.values())


def _outlined(annotations: list[common_shapes.Annotation]) -> Arrays:
    rings = [one.boundingPoly[0].normalizedVertices for one in annotations]
    tools = [one.type for one in annotations]
    vertices = [vertex for ring in rings for vertex in ring]
    shapes, invalid = wkt_columns.columns(
        np.array([vertex.x for vertex in vertices], float),
        np.array([vertex.y for vertex in vertices], float),
        np.array([len(ring) for ring in rings]),
        np.array([tool == "rectangle" for tool in tools]),
    )
    if invalid.any():
        shapes = _repaired(annotations, shapes, invalid)
    return {"kind": pa.repeat("object", len(annotations)), "tool": pa.array(tools), **_annotated(annotations), **shapes}


def _repaired(annotations: list[common_shapes.Annotation], shapes: Arrays, invalid: np.ndarray) -> Arrays:
    """The columns with invalid outlines repaired by `drawings`, and their vertices in extra."""
    drawings = [
        drawing.drawing([common_shapes.builtins(annotations[position])]) for position in np.flatnonzero(invalid)
    ]
    rows = [(*shape, canonical_json.text(more) if more else None) for _, shape, more in drawings]
    columns = {**shapes, "extra": pa.nulls(len(annotations), pa.string())}
    mask = pa.array(invalid)
    return {
        name: pc.replace_with_mask(column, mask, pa.array(values, column.type))
        for (name, column), values in zip(columns.items(), zip(*rows, strict=True), strict=True)
    }


def _entities(annotations: list[common_shapes.Annotation]) -> Arrays:
    return {
        "kind": pa.repeat("entity", len(annotations)),
        "text": pa.array([one.content for one in annotations], pa.string()),
        "begin_offset": pa.array([one.beginOffset for one in annotations], pa.int64()),
        "end_offset": pa.array([one.endOffset for one in annotations], pa.int64()),
        **_annotated(annotations),
    }


def _annotated(annotations: Sequence[common_shapes.Annotation]) -> Arrays:
    return {
        "mid": pa.array([one.mid for one in annotations], pa.string()),
        "is_key_frame": pa.array([one.isKeyFrame for one in annotations], pa.bool_()),
        **_categorised([one.categories[0] for one in annotations]),
    }


def _chosen(chosen: list[tuple[common_shapes.Category, bool | None]]) -> Arrays:
    categories, flags = zip(*chosen, strict=True)
    kind = pa.repeat("classification", len(chosen))
    return {"kind": kind, "is_key_frame": pa.array(flags, pa.bool_()), **_categorised(categories)}


def _categorised(categories: Sequence[common_shapes.Category | common_shapes.Named]) -> Arrays:
    return {
        "category": pa.array([one.name for one in categories], pa.string()),
        "confidence": pa.array([one.confidence for one in categories], pa.float64()),
    }


def _texts(transcriptions: list[tuple[str, bool | None]]) -> Arrays:
    texts, flags = zip(*transcriptions, strict=True)
    kind = pa.repeat("transcription", len(transcriptions))
    return {"kind": kind, "text": pa.array(texts, pa.string()), "is_key_frame": pa.array(flags, pa.bool_())}
