"""The fast path for annotations: collects the rows of plain jobs from many answers in columns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.kili import canonical_json, records
from pipelines.kili.annotations import common_shapes, drawings, keys, wkt_columns
from pipelines.kili.annotations.answer_levels import FILTERED_OUT

Nested = tuple[str, Mapping[str, Any], str | None, int | None]
"""Jobs to be read later: their place, the jobs, the key of their parent, their frame."""
JobPosition = tuple[int, str | None, str, int | None]
"""The index of a job's answer, the key of its parent, its name, its frame."""
Arrays = dict[str, Any]
"""Arrow columns by name."""

_SCHEMA: Final = records.ANNOTATIONS.arrow_schema
_MAX_ITEMS: Final = 20_000  # items of a kind, as in a long video, before they are converted to a table
_ANSWER_COLUMNS: Final = ("asset_id", "label_key", "response_hash")
_Item = TypeVar("_Item")


@dataclass
class _Items(Generic[_Item]):
    """Items of one kind with their positions in their lists; for each list its job, place hash and length."""

    items: list[_Item] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    jobs: list[JobPosition] = field(default_factory=list)
    list_hashes: list[bytes] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)

    def add(self, items: Sequence[_Item], positions: Sequence[int], job: JobPosition, list_hash: bytes) -> None:
        self.items += items
        self.positions += positions
        self.jobs.append(job)
        self.list_hashes.append(list_hash)
        self.counts.append(len(items))

    def clear(self) -> None:
        for values in (self.items, self.positions, self.jobs, self.list_hashes, self.counts):
            values.clear()

    def columns(self, answers: list[pa.Array]) -> Arrays:
        """Returns the columns that depend on the items' answers, jobs and positions."""
        numbers, parents, names, frames = zip(*self.jobs, strict=True)
        lists = np.repeat(np.arange(len(numbers)), self.counts)
        answer = pa.array(np.repeat(numbers, self.counts))
        columns = {name: values.take(answer) for name, values in zip(_ANSWER_COLUMNS, answers, strict=True)}
        columns["annotation_key"] = keys.item_keys(self.list_hashes, lists, self.positions)
        for name, values in (("parent_annotation_key", parents), ("job_name", names), ("frame", frames)):
            columns[name] = pa.array(values, _SCHEMA.field(name).type).take(pa.array(lists))
        return columns


class AnnotationColumns:
    """Collects the rows of plain jobs. Call `begin`, `add_job` for each job, and `end` for each answer."""

    def __init__(self, flatten_version: int) -> None:
        self._version = pa.scalar(flatten_version, pa.int64())
        self._objects = _Items[common_shapes.Annotation]()
        self._entities = _Items[common_shapes.Annotation]()
        self._categories = _Items[tuple[common_shapes.Category, bool | None]]()
        self._texts = _Items[tuple[str, bool | None]]()
        self._answers: list[tuple[str, str, str]] = []
        self._tables: list[pa.Table] = []
        self._keys = keys.AnswerKeys("", "")
        self._count = 0

    def begin(self, asset_id: str, label_key: str, response_hash: str, answer_keys: keys.AnswerKeys) -> None:
        """Starts an answer."""
        self._answers.append((asset_id, label_key, response_hash))
        self._keys = answer_keys
        self._count = 0

    def end(self) -> int:
        """Ends the answer. Returns the number of its rows."""
        return self._count

    def add_job(
        self, answer: object, place: str, name: str, parent: str | None, frame: int | None, nested: list[Nested]
    ) -> bool:
        """Adds the rows of a job's answer, and its nested jobs to `nested`. Returns whether the job is plain.

        Adds nothing if the job is not plain.
        """
        positions: Sequence[int] | None = None
        if not isinstance(answer, common_shapes.Job):
            answer, positions = _without_filtered(answer)
            answer = common_shapes.job(answer)
            if answer is None:
                return False
        job = len(self._answers) - 1, parent, name, frame
        if annotations := answer.annotations:
            items = self._objects if annotations[0].boundingPoly else self._entities
            if answer.categories or answer.text is not None or answer.isKeyFrame is not None or not _fit(annotations):
                return False
            self._add(items, annotations, annotations, f"{place}/annotations", job, nested, positions)
            return True
        if categories := answer.categories:
            positions = _distinct(categories)
            categories = [categories[position] for position in positions]
            flagged = [(category, answer.isKeyFrame) for category in categories]
            self._add(self._categories, flagged, categories, f"{place}/categories", job, nested, positions)
        if answer.text:
            self._texts.add([(answer.text, answer.isKeyFrame)], [0], job, self._keys.hash_place(f"{place}/text"))
            self._count += 1
        return True

    def table(self) -> pa.Table:
        """Returns all rows in the columns of `kili.annotations`."""
        self._tabulate()
        return pa.concat_tables(self._tables or [_SCHEMA.empty_table()])

    def _tabulate(self) -> None:
        """Converts the collected items to tables, which take less memory."""
        answers = [pa.array(column, pa.string()) for column in zip(*self._answers, strict=True)]
        self._add_table(answers, self._objects, _objects)
        self._add_table(answers, self._entities, _entities)
        self._add_table(answers, self._categories, _categories)
        self._add_table(answers, self._texts, _texts)

    def _add(
        self,
        kind: _Items[Any],
        items: list[Any],
        parts: Sequence[common_shapes.Annotation | common_shapes.Category],
        place: str,
        job: JobPosition,
        nested: list[Nested],
        positions: Sequence[int] | None = None,
    ) -> None:
        positions, list_hash = positions or range(len(items)), self._keys.hash_place(place)
        kind.add(items, positions, job, list_hash)
        self._count += len(items)
        if len(kind.items) >= _MAX_ITEMS:
            self._tabulate()
        for position, part in zip(positions, parts, strict=True):
            if part.children:
                key = keys.item_key(list_hash, position)
                nested.append((f"{place}/{position}/children", part.children, key, job[3]))

    def _add_table(
        self, answers: list[pa.Array], kind: _Items[_Item], item_columns: Callable[[list[_Item]], Arrays]
    ) -> None:
        if not kind.items:
            return
        size = len(kind.items)
        columns = item_columns(kind.items) | kind.columns(answers)
        columns["flatten_version"] = pa.repeat(self._version, size)
        arrays = [columns[f.name] if f.name in columns else pa.nulls(size, f.type) for f in _SCHEMA]
        self._tables.append(pa.table(arrays, _SCHEMA))
        kind.clear()


def _without_filtered(answer: Any) -> tuple[Any, list[int] | None]:
    """Returns an answer without its filtered annotations and the positions of the others; null if none is filtered."""
    annotations = answer.get("annotations") if isinstance(answer, dict) else None
    if not (isinstance(annotations, list) and FILTERED_OUT in annotations):
        return answer, None
    positions = [position for position, annotation in enumerate(annotations) if annotation is not FILTERED_OUT]
    return {**answer, "annotations": [annotations[position] for position in positions]}, positions


def _fit(annotations: list[common_shapes.Annotation]) -> bool:
    """Whether all annotations are entities, or all are objects of which no two form one region."""
    if not annotations[0].boundingPoly:
        return all(
            annotation.beginOffset is not None and annotation.type is None and annotation.boundingPoly is None
            for annotation in annotations
        )
    regions: list[str] = []
    for annotation in annotations:
        if annotation.beginOffset is not None or annotation.endOffset is not None or annotation.content is not None:
            return False
        if not (annotation.boundingPoly and annotation.type):
            return False
        if annotation.type == "semantic" and annotation.mid is not None:
            regions.append(annotation.mid)
    return len(set(regions)) == len(regions)


def _distinct(categories: list[common_shapes.Category]) -> Sequence[int]:
    """Returns the positions of the categories, for equal categories only the first."""
    if len(categories) == 1:
        return (0,)
    first: dict[str, int] = {}
    for position, category in enumerate(categories):
        first.setdefault(category.name, position)
    return list(first.values())


def _objects(objects: list[common_shapes.Annotation]) -> Arrays:
    rings = [annotation.boundingPoly[0].normalizedVertices for annotation in objects]
    tools = [annotation.type for annotation in objects]
    vertices = [vertex for ring in rings for vertex in ring]
    shapes, invalid = wkt_columns.shape_columns(
        np.array([vertex.x for vertex in vertices], float),
        np.array([vertex.y for vertex in vertices], float),
        np.array([len(ring) for ring in rings]),
        np.array([tool == "rectangle" for tool in tools]),
    )
    if invalid.any():
        shapes = _repaired(objects, shapes, invalid)
    return {"kind": pa.repeat("object", len(objects)), "tool": pa.array(tools), **_shared(objects), **shapes}


def _repaired(objects: list[common_shapes.Annotation], shapes: Arrays, invalid: np.ndarray) -> Arrays:
    """Returns the columns with invalid outlines repaired by `drawings.read_drawing`, and their vertices in extra."""
    repaired = [
        drawings.read_drawing([common_shapes.to_json_value(objects[position])]) for position in np.flatnonzero(invalid)
    ]
    rows = [(*shape, canonical_json.text(more) if more else None) for _, shape, more in repaired]
    columns = {**shapes, "extra": pa.nulls(len(objects), pa.string())}
    mask = pa.array(invalid)
    return {
        name: pc.replace_with_mask(column, mask, pa.array(values, column.type))
        for (name, column), values in zip(columns.items(), zip(*rows, strict=True), strict=True)
    }


def _entities(entities: list[common_shapes.Annotation]) -> Arrays:
    return {
        "kind": pa.repeat("entity", len(entities)),
        "text": pa.array([entity.content for entity in entities], pa.string()),
        "begin_offset": pa.array([entity.beginOffset for entity in entities], pa.int64()),
        "end_offset": pa.array([entity.endOffset for entity in entities], pa.int64()),
        **_shared(entities),
    }


def _shared(annotations: Sequence[common_shapes.Annotation]) -> Arrays:
    return {
        "mid": pa.array([annotation.mid for annotation in annotations], pa.string()),
        "is_key_frame": pa.array([annotation.isKeyFrame for annotation in annotations], pa.bool_()),
        **_category_columns([annotation.categories[0] for annotation in annotations]),
    }


def _categories(flagged: list[tuple[common_shapes.Category, bool | None]]) -> Arrays:
    categories, flags = zip(*flagged, strict=True)
    kind = pa.repeat("classification", len(flagged))
    return {"kind": kind, "is_key_frame": pa.array(flags, pa.bool_()), **_category_columns(categories)}


def _category_columns(categories: Sequence[common_shapes.Category | common_shapes.AnnotationCategory]) -> Arrays:
    return {
        "category": pa.array([category.name for category in categories], pa.string()),
        "confidence": pa.array([category.confidence for category in categories], pa.float64()),
    }


def _texts(flagged: list[tuple[str, bool | None]]) -> Arrays:
    texts, flags = zip(*flagged, strict=True)
    kind = pa.repeat("transcription", len(flagged))
    return {"kind": kind, "text": pa.array(texts, pa.string()), "is_key_frame": pa.array(flags, pa.bool_())}
