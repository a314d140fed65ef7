"""Turns the answers of labels (jsonResponse) into rows of `kili.annotations`: the reference path for every shape.

An export does not name the task of a job, so the keys of an annotation determine its kind, in the order of section 2.2
of the format description. An annotation or job of unknown shape becomes one `unknown` row that keeps all of it.

`extra` holds values without a column: the annotation's other keys; in `_answer` other keys of the job's answer; in
`_parts` how the annotations of a region share its polygons; `_ends` if a relation joins objects; in `pages` the shapes
on the other pages of a document. An empty text gives no row, nor does a category chosen a second time in a job.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from pipelines.kili.annotations import answer_levels, common_shapes, drawings
from pipelines.kili.annotations.annotation_reader import AnnotationReader
from pipelines.kili.annotations.answer_levels import FILTERED_OUT, RESERVED
from pipelines.kili.annotations.answer_rows import Object, Row, is_present, remaining, to_list, to_text, to_text_or_none
from pipelines.kili.annotations.columns import AnnotationColumns

_CATEGORY_KEYS: Final = frozenset({"name", "confidence", "children"})
_ANSWER_KEYS: Final = frozenset({"categories", "annotations", "text", "children", "isKeyFrame"})
_UNKNOWN_SHAPE: Final = (KeyError, TypeError, ValueError, AttributeError, IndexError)


def rows(asset_id: str, label_key: str, response_hash: str, response: Object) -> list[Row]:
    """Returns the rows of `kili.annotations` of one answer."""
    answer = _AnswerReader(asset_id, label_key, response_hash)
    answer.read(response)
    return answer.rows


def collect_rows(
    columns: AnnotationColumns, asset_id: str, label_key: str, response_hash: str, response: Object
) -> tuple[list[Row], int]:
    """Adds the rows of plain jobs to `columns`. Returns the answer's other rows, and the number of all its rows."""
    answer = _AnswerReader(asset_id, label_key, response_hash, columns)
    columns.begin(asset_id, label_key, response_hash, answer.keys)
    answer.read(response)
    return answer.rows, len(answer.rows) + columns.end()


class _AnswerReader(AnnotationReader):
    """Reads one answer into rows."""

    def __init__(
        self, asset_id: str, label_key: str, response_hash: str, columns: AnnotationColumns | None = None
    ) -> None:
        super().__init__(asset_id, label_key, response_hash)
        self.columns = columns

    def read(self, response: Object) -> None:
        self.nested += [(place, jobs, None, frame) for place, jobs, frame in answer_levels.levels(response)]
        for place, jobs, parent, frame in self.nested:
            self.frame = frame
            for name, answer in jobs.items():
                if answer is None or name in RESERVED:
                    continue
                job_place = f"{place}/{_token(name)}"
                if not (self.columns and self.columns.add_job(answer, job_place, name, parent, frame, self.nested)):
                    value = common_shapes.to_json_value(answer) if isinstance(answer, common_shapes.Job) else answer
                    self.read_or_keep(self.job, value, value, job_place, name, parent)

    def read_or_keep(
        self,
        read: Callable[[Any, str, str, str | None], None],
        content: Any,
        whole: Any,
        place: str,
        job: str,
        parent: str | None,
    ) -> None:
        """Reads `content`. If its shape is unknown, adds one `unknown` row that keeps `whole`."""
        row_count, nested_count = len(self.rows), len(self.nested)
        try:
            read(content, place, job, parent)
        except _UNKNOWN_SHAPE:
            del self.rows[row_count:], self.nested[nested_count:]
            self.add(place, job, parent, "unknown", extra=whole)

    def job(self, answer: Object, place: str, job: str, parent: str | None) -> None:
        first = len(self.rows)
        for position, parts in drawings.group_regions(to_list(answer.get("annotations"))):
            if parts[0] is FILTERED_OUT:
                continue
            annotation_place = f"{place}/annotations/{position}"
            self.read_or_keep(self.annotation, parts, {"annotations": parts}, annotation_place, job, parent)
        if len(answer) == 1 and len(self.rows) > first:
            return
        after_annotations = len(self.rows)
        rest = {} if answer.keys() <= _ANSWER_KEYS else remaining(answer, _ANSWER_KEYS)
        is_key_frame = answer.get("isKeyFrame")
        self.categories(answer, place, job, parent)
        if text := to_text_or_none(answer.get("text")):
            self.add(f"{place}/text", job, parent, "transcription", text=text, is_key_frame=is_key_frame)
        if rest:
            rest = self.single_key_answer(rest, place, job, parent, is_key_frame)
        if len(self.rows) == after_annotations and is_key_frame is not None:
            rest["isKeyFrame"] = is_key_frame
        children: Any = answer.get("children")
        if is_present(children):  # the old layout of nested jobs
            rest["children"] = sorted(children)
        if rest and (len(self.rows) > first or rest.keys() != {"isKeyFrame"}):
            self.nest(f"{place}/children", children, self.attach(first, rest))

    def single_key_answer(
        self, answer: Object, place: str, job: str, parent: str | None, is_key_frame: Any
    ) -> dict[str, Any]:
        """Adds the row of a file, comparison or ranking, which one key identifies. Returns the keys not in the row."""
        rest = dict(answer)
        if "fileId" in rest:
            name = to_text_or_none(rest.pop("fileName", None))
            self.add(f"{place}/fileId", job, parent, "file", text=name, is_key_frame=is_key_frame, extra=rest)
        elif "choice" in rest:
            choice = rest.pop("choice")
            code, more = to_text(choice["code"]), remaining(choice, {"code"})
            choice_place = f"{place}/choice"
            self.add(choice_place, job, parent, "comparison", category=code, is_key_frame=is_key_frame, extra=more)
            return rest
        elif "orders" in rest:
            self.add(f"{place}/orders", job, parent, "ranking", is_key_frame=is_key_frame, extra=rest)
        else:
            return rest
        return {}

    def categories(self, answer: Object, place: str, job: str, parent: str | None) -> None:
        names: set[str] = set()
        for position, category in enumerate(to_list(answer.get("categories"))):
            name = to_text(category["name"])
            if name in names:  # only the first of equal categories gives a row
                continue
            names.add(name)
            category_place = f"{place}/categories/{position}"
            key = self.add(
                category_place,
                job,
                parent,
                "classification",
                category=name,
                confidence=category.get("confidence"),
                is_key_frame=answer.get("isKeyFrame"),
                extra=None if category.keys() <= _CATEGORY_KEYS else remaining(category, _CATEGORY_KEYS),
            )
            if "children" in category:
                self.nest(f"{category_place}/children", category["children"], key)


@lru_cache  # a project has few names
def _token(name: str) -> str:
    """Returns a name as a token of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")
