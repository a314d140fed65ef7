"""The answers of a label (jsonResponse) taken apart into rows of `kili.annotations`.

An export does not name the task of a job, so the keys of an answer decide its kind, in the order of section 2.2 of the
format's description. An answer of unknown shape becomes one `unknown` row that holds all of it. `extra` holds the keys
without a column: those of the annotation; `_answer`, other keys of its job's answer; `_parts`, how the annotations of a
region share its polygons; `_ends`, if a relation joins objects; `pages`, the shapes on other pages of a document. An
empty text gives no row, and a category that is chosen twice in a job gives one.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import orjson

from pipelines.kili import canonical_json, versions
from pipelines.kili.annotations import common_shapes, drawings, keys, pages
from pipelines.kili.annotations import wkt as geometry
from pipelines.kili.annotations.columns import FILTERED_OUT, Columns

Row = dict[str, Any]
"""A row of `kili.annotations`, by column."""
Object = Mapping[str, Any]

_RESERVED: Final = frozenset({"ROTATION_JOB", "ANNOTATION_JOB_COUNTER", "ANNOTATION_NAMES_JOB"})
_ASSET_LEVEL: Final = "assetLevel"
_ANSWER_KEYS: Final = frozenset({"categories", "annotations", "text", "children", "isKeyFrame"})
_CATEGORY_KEYS: Final = frozenset({"name", "confidence", "children"})
_PIXEL_TWINS: Final = frozenset({"pointPixels", "polylinePixels"})
_SHARED: Final = frozenset({"mid", "type", "categories", "children", "isKeyFrame"}) | _PIXEL_TWINS
_DRAWN_KEYS: Final = {
    **dict.fromkeys(drawings.OUTLINED, _SHARED | {"boundingPoly"}),
    **dict.fromkeys(("polyline", "vector"), _SHARED | {"polyline"}),
    "marker": _SHARED | {"point"},
}
_ENTITY_KEYS: Final = _SHARED | {"beginOffset", "endOffset", "content"}
_PAGE_KEYS: Final = _SHARED | {"content", "annotations", "beginOffset", "endOffset"}
_POSE_KEYS: Final = _SHARED | {"points"}
_POINT_KEYS: Final = (_SHARED - {"categories"}) | {"point", "code"}
_OWN_KEYS: Final = frozenset({"_answer", "_parts", "_ends"})
_NO_SHAPE: Final = (None, None, None, None, None)
_TEXTS: Final = frozenset({str, type(None)})
_JSON_NUMBERS: Final = frozenset({float, int})
_NUMBERS: Final = _JSON_NUMBERS | {type(None)}
_INTEGERS: Final = frozenset({int, type(None)})
_FLAGS: Final = frozenset({bool, type(None)})
_MISSHAPEN: Final = (KeyError, TypeError, ValueError, AttributeError, IndexError)


def rows(asset_id: str, label_key: str, response_hash: str, response: Object) -> list[Row]:
    """The annotations of one answer, as rows of `kili.annotations`."""
    answer = _Answer(asset_id, label_key, response_hash)
    answer.read(response)
    return answer.rows


def key_frames(response: Object) -> Object:
    """A video's answer without the annotations that were interpolated between key frames; any other answer unchanged.

    The other annotations keep their place, so their rows have the same keys.
    """
    jobs = {name: answer for name, answer in response.items() if name not in _RESERVED and name != _ASSET_LEVEL}
    if not jobs or not all(
        common_shapes.is_frame(name) and isinstance(answers, dict) for name, answers in jobs.items()
    ):
        return response
    frames = {frame: {name: _key_frame(answer) for name, answer in answers.items()} for frame, answers in jobs.items()}
    return {**response, **frames}


def _key_frame(answer: Any) -> Any:
    answer = common_shapes.builtins(answer) if isinstance(answer, common_shapes.Job) else answer
    if not isinstance(answer, dict):
        return answer
    if answer.get("isKeyFrame") is False:
        return None
    annotations = answer.get("annotations")
    if not isinstance(annotations, list):
        return answer
    return {**answer, "annotations": [FILTERED_OUT if _is_interpolated(one) else one for one in annotations]}


def _is_interpolated(annotation: Any) -> bool:
    return isinstance(annotation, dict) and annotation.get("isKeyFrame") is False


def gather(
    columns: Columns, asset_id: str, label_key: str, response_hash: str, response: Object
) -> tuple[list[Row], int]:
    """Adds common jobs to `columns`. Returns the rows of the other jobs, and the number of all rows."""
    answer = _Answer(asset_id, label_key, response_hash, columns)
    columns.begin(asset_id, label_key, response_hash, answer.keys)
    answer.read(response)
    return answer.rows, len(answer.rows) + columns.end()


def jobs_of(response: Object) -> set[str]:
    """The names of the top-level jobs in an answer, also of jobs without content."""
    return {name for _, jobs, _ in _levels(response) for name, answer in jobs.items() if answer is not None} - _RESERVED


def _levels(response: Object) -> list[tuple[str, Object, int | None]]:
    """The objects whose keys are jobs, with their place and frame: the answer, or a video's frames and asset level."""
    if common_shapes.are_jobs(response):
        return [("", response, None)]
    jobs = {name: answer for name, answer in response.items() if name not in _RESERVED}
    asset_level = jobs.pop(_ASSET_LEVEL, None)
    levels: list[tuple[str, Object, int | None]] = []
    if jobs and all(common_shapes.is_frame(name) and isinstance(answers, dict) for name, answers in jobs.items()):
        levels += [(f"/{frame}", answers, int(frame)) for frame, answers in jobs.items()]
    else:
        levels.append(("", jobs, None))
    if isinstance(asset_level, dict):
        levels.append((f"/{_ASSET_LEVEL}", asset_level, None))
    elif asset_level is not None:
        levels.append(("", {_ASSET_LEVEL: asset_level}, None))
    return levels


class _Answer:
    """Collects the rows of one answer.

    The place of a row is the JSON pointer to its annotation. Nested jobs are queued in `nested` with their place,
    parent and frame, and not read by recursion: only memory limits the depth of nesting.
    """

    def __init__(self, asset_id: str, label_key: str, response_hash: str, columns: Columns | None = None) -> None:
        self.asset_id = asset_id
        self.label_key = label_key
        self.response_hash = response_hash
        self.keys = keys.Answer(label_key, response_hash)
        self.columns = columns
        self.rows: list[Row] = []
        self.nested: list[tuple[str, Object, str | None, int | None]] = []
        self.frame: int | None = None

    def read(self, response: Object) -> None:
        self.nested += [(place, jobs, None, frame) for place, jobs, frame in _levels(response)]
        for place, jobs, parent, frame in self.nested:
            self.frame = frame
            for name, answer in jobs.items():
                if answer is None or name in _RESERVED:
                    continue
                here = f"{place}/{_token(name)}"
                if not (self.columns and self.columns.job(answer, here, name, parent, frame, self.nested)):
                    plain = common_shapes.builtins(answer) if isinstance(answer, common_shapes.Job) else answer
                    self.read_or_keep(self.job, plain, plain, here, name, parent)

    def nest(self, place: str, jobs: Object | None, parent: str | None) -> None:
        """Reads nested jobs after the jobs before them."""
        if isinstance(jobs, dict):
            self.nested.append((place, jobs, parent, self.frame))
        elif _is_present(jobs):
            raise TypeError("jobs are no object")

    def read_or_keep(
        self,
        read: Callable[[Any, str, str, str | None], None],
        content: Any,
        original: Any,
        place: str,
        job: str,
        parent: str | None,
    ) -> None:
        """Calls `read` on the content. If it has no known shape, keeps the original whole as one `unknown` row."""
        rows, nested = len(self.rows), len(self.nested)
        try:
            read(content, place, job, parent)
        except _MISSHAPEN:
            del self.rows[rows:], self.nested[nested:]
            self.add(place, job, parent, "unknown", extra=original)

    def job(self, answer: Object, place: str, job: str, parent: str | None) -> None:
        first = len(self.rows)
        for position, parts in drawings.regions(_listed(answer.get("annotations"))):
            if parts[0] is FILTERED_OUT:
                continue
            here = f"{place}/annotations/{position}"
            self.read_or_keep(self.annotation, parts, {"annotations": parts}, here, job, parent)
        if len(answer) == 1 and len(self.rows) > first:
            return
        annotated = len(self.rows)
        rest = {} if answer.keys() <= _ANSWER_KEYS else _rest(answer, _ANSWER_KEYS)
        is_key_frame = answer.get("isKeyFrame")
        self.categories(answer, place, job, parent)
        if text := _text(answer.get("text")):
            self.add(f"{place}/text", job, parent, "transcription", text=text, is_key_frame=is_key_frame)
        if rest:
            rest = self.chosen(rest, place, job, parent, is_key_frame)
        if len(self.rows) == annotated and is_key_frame is not None:
            rest["isKeyFrame"] = is_key_frame
        children: Any = answer.get("children")
        if _is_present(children):  # the old layout of nested jobs
            rest["children"] = sorted(children)
        if rest and (len(self.rows) > first or rest.keys() != {"isKeyFrame"}):
            self.nest(f"{place}/children", children, self.keep(first, rest))

    def chosen(self, answer: Object, place: str, job: str, parent: str | None, is_key_frame: Any) -> dict[str, Any]:
        """Adds a file, a comparison or a ranking, each known by a key. Returns the keys that no row holds."""
        rest = dict(answer)
        if "fileId" in rest:
            name = _text(rest.pop("fileName", None))
            self.add(f"{place}/fileId", job, parent, "file", text=name, is_key_frame=is_key_frame, extra=rest)
        elif "choice" in rest:
            choice = rest.pop("choice")
            code, more = _string(choice["code"]), _rest(choice, {"code"})
            here = f"{place}/choice"
            self.add(here, job, parent, "comparison", category=code, is_key_frame=is_key_frame, extra=more)
            return rest
        elif "orders" in rest:
            self.add(f"{place}/orders", job, parent, "ranking", is_key_frame=is_key_frame, extra=rest)
        else:
            return rest
        return {}

    def keep(self, first: int, rest: Object) -> str:
        """Adds keys of the job's answer to its first row; returns that row's key. Raises `ValueError` without one."""
        for row in self.rows[first:]:
            if row["kind"] != "unknown":
                known = orjson.loads(row["extra"]) if row["extra"] else {}
                row["extra"] = canonical_json.text({**known, "_answer": rest})
                return str(row["annotation_key"])
        raise ValueError("the answer has no row")

    def categories(self, answer: Object, place: str, job: str, parent: str | None) -> None:
        names: set[str] = set()
        for position, category in enumerate(_listed(answer.get("categories"))):
            name = _string(category["name"])
            if name in names:  # the first of a category that is chosen twice counts
                continue
            names.add(name)
            here = f"{place}/categories/{position}"
            key = self.add(
                here,
                job,
                parent,
                "classification",
                category=name,
                confidence=category.get("confidence"),
                is_key_frame=answer.get("isKeyFrame"),
                extra=None if category.keys() <= _CATEGORY_KEYS else _rest(category, _CATEGORY_KEYS),
            )
            if "children" in category:
                self.nest(f"{here}/children", category["children"], key)

    def annotation(self, parts: Sequence[Object], place: str, job: str, parent: str | None) -> None:
        annotation = parts[0]
        if len(parts) > 1:
            key = self.drawn(place, job, parts, parent)
        elif annotation.get("startEntities") or annotation.get("endEntities"):
            key = self.relation(place, job, annotation, parent, "Entities")
        elif annotation.get("startObjects") or annotation.get("endObjects"):
            key = self.relation(place, job, annotation, parent, "Objects")
        elif annotation.get("type") == "pose" or annotation.get("points"):
            key = self.pose(place, job, annotation, parent)
        elif annotation.get("annotations"):
            key = self.page(place, job, annotation, parent)
        elif annotation.get("beginOffset") is not None:
            key = self.entity(place, job, annotation, parent)
        else:
            key = self.drawn(place, job, parts, parent)
        if annotation.get("children"):
            self.nest(f"{place}/children", annotation["children"], key)
        for position, category in enumerate(annotation.get("categories") or ()):
            if "children" in category:
                self.nest(f"{place}/categories/{position}/children", category["children"], key)

    def drawn(self, place: str, job: str, parts: Sequence[Object], parent: str | None) -> str:
        tool, shape, more = drawings.drawing(parts)
        used = _DRAWN_KEYS[str(tool)]
        return self.add_annotation(
            place, job, parent, "object", parts[0], used, type_=tool, tool=tool, shape=shape, more=more
        )

    def entity(self, place: str, job: str, annotation: Object, parent: str | None) -> str:
        return self.add_annotation(
            place,
            job,
            parent,
            "entity",
            annotation,
            _ENTITY_KEYS,
            text=_text(annotation.get("content")),
            begin_offset=annotation["beginOffset"],
            end_offset=annotation.get("endOffset"),
        )

    def page(self, place: str, job: str, annotation: Object, parent: str | None) -> str:
        """Adds an entity or object on pages of a document. Its type may be on a page; a rectangle has none."""
        content = _text(annotation.get("content")) or None
        types = (one.get("type") for one in (annotation, *annotation["annotations"]))
        named = next((type_ for type_ in types if type_), "rectangle")
        tool = None if content else named
        if tool is not None and tool not in drawings.OUTLINED:
            raise ValueError("no known tool")
        number, shape, more = pages.place(annotation["annotations"], is_box=named not in {"polygon", "semantic"})
        if not annotation.keys().isdisjoint({"pages", *more} - {"annotations"}):
            raise ValueError("a key that is reserved for the loader")
        return self.add_annotation(
            place,
            job,
            parent,
            "entity" if content else "object",
            annotation,
            _PAGE_KEYS,
            type_=None if tool == "rectangle" else tool,
            tool=tool,
            text=content,
            begin_offset=annotation.get("beginOffset"),
            end_offset=annotation.get("endOffset"),
            page_number=number,
            shape=shape,
            more=more,
        )

    def pose(self, place: str, job: str, annotation: Object, parent: str | None) -> str:
        points = _listed(annotation.get("points"))
        shape = geometry.points([point["point"] for point in points]) if points else None
        key = self.add_annotation(
            place, job, parent, "pose", annotation, _POSE_KEYS, type_="pose", tool="pose", shape=shape
        )
        for position, point in enumerate(points):
            here = f"{place}/points/{position}"
            shape = geometry.point(point["point"])
            more = {} if len(point["point"]) == 2 else {"point": point["point"]}
            point_key = self.add_annotation(
                here,
                job,
                key,
                "pose",
                {name: value for name, value in point.items() if name != "categories"},
                _POINT_KEYS,
                type_="marker",
                tool="marker",
                shape=shape,
                more=more | _rest(point, point.keys() - {"categories"}),
                category=_text(point.get("code")),
            )
            self.nest(f"{here}/children", point.get("children"), point_key)
        return key

    def relation(self, place: str, job: str, annotation: Object, parent: str | None, ends: str) -> str:
        start, end = f"start{ends}", f"end{ends}"
        starts, stops = _listed(annotation.get(start)), _listed(annotation.get(end))
        more: dict[str, Any] = {"_ends": "objects"} if ends == "Objects" else {}
        more |= {key: found for key, found in ((start, starts), (end, stops)) if not _are_plain_ends(found)}
        return self.add_annotation(
            place,
            job,
            parent,
            "relation",
            annotation,
            _SHARED | {start, end},
            start_mids=canonical_json.text([_string(one["mid"]) for one in starts]),
            end_mids=canonical_json.text([_string(one["mid"]) for one in stops]),
            more=more,
        )

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
        """Adds a row with the keys that all annotations share. `type_` is the type that the other columns imply."""
        extra = {} if annotation.keys() <= used else _rest(annotation, used)
        if more:
            extra |= more
        if annotation.get("type") != type_:
            extra["type"] = annotation.get("type")
        categories = annotation.get("categories")
        if categories:
            first = categories[0]
            columns["category"] = _string(first["name"])
            columns["confidence"] = first.get("confidence")
            if len(categories) > 1 or not first.keys() <= _CATEGORY_KEYS or first.get("children"):
                extra["categories"] = [_named_children(category) for category in categories]
        mid = annotation.get("mid")
        if type(mid) not in _TEXTS:
            extra["mid"], mid = mid, _string(mid)
        return self.add(
            place, job, parent, kind, mid=mid, is_key_frame=annotation.get("isKeyFrame"), extra=extra, **columns
        )

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
        shape: geometry.Shape | None = None,
        start_mids: str | None = None,
        end_mids: str | None = None,
        extra: Any = None,
    ) -> str:
        _check(category, text, confidence, is_key_frame)
        if begin_offset is not None or end_offset is not None or page_number is not None:
            _check_integers(begin_offset, end_offset, page_number)
        key = self.keys.key(place)
        wkt, x_min, y_min, x_max, y_max = shape or _NO_SHAPE
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
                "geometry": wkt,
                "start_mids": start_mids,
                "end_mids": end_mids,
                "extra": canonical_json.text(extra) if extra or kind == "unknown" else None,
            }
        )
        return key


@lru_cache  # a project has few names
def _token(name: str) -> str:
    """A name in a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def _listed(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if _is_present(value):
        raise TypeError("not a list")
    return []


def _are_plain_ends(ends: Sequence[Object]) -> bool:
    return all(len(end) == 1 and type(end["mid"]) is str for end in ends)


def _named_children(category: Object) -> Object:
    """A category without its nested answers, which are rows, but their names."""
    children = category.get("children")
    return {**category, "children": sorted(children)} if children else category


def _string(value: object) -> str:
    """A text; a number becomes its JSON text. Raises `TypeError` for other values."""
    if isinstance(value, str):
        return value
    if type(value) in _JSON_NUMBERS:
        return canonical_json.text(value)
    raise TypeError(f"{value!r} is not a text")


def _text(value: object) -> str | None:
    """Like `_string`; null stays null."""
    return None if value is None else _string(value)


def _check(category: object, text: object, confidence: object, flag: object) -> None:
    """Raises `TypeError` or `ValueError` if the columns cannot hold the values."""
    if type(category) not in _TEXTS or type(text) not in _TEXTS:
        raise TypeError("not a text")
    if type(confidence) not in _NUMBERS or type(flag) not in _FLAGS:
        raise TypeError("not a number, or not true or false")
    if type(confidence) is int and not -(2**53) <= confidence <= 2**53:
        raise ValueError("too large for its column")


def _check_integers(*values: object) -> None:
    for value in values:
        if type(value) not in _INTEGERS or (type(value) is int and value.bit_length() > 63):
            raise TypeError("not a whole number that its column can hold")


def _is_present(value: object) -> bool:
    return value is not None and value != [] and value != {}


def _rest(item: Object, used: Any) -> dict[str, Any]:
    """The keys that no column holds, without empty values. Raises `ValueError` if a key is reserved for the loader."""
    if not item.keys().isdisjoint(_OWN_KEYS):
        raise ValueError("a key that is reserved for the loader")
    return {key: value for key, value in item.items() if key not in used and _is_present(value)}
