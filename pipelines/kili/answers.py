"""The answers of a label (jsonResponse) taken apart into rows of `kili.annotations`.

Nothing in an export says which task a job is, so a shape is told by its keys, in the order of section 2.2 of the
format's description. Whatever has no known shape becomes one `unknown` row that holds all of it.
"""

import functools
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import orjson

from pipelines.kili import geometry

FLATTEN_VERSION: Final = 1

Row = tuple[object, ...]
Object = Mapping[str, Any]

_RESERVED: Final = {"ROTATION_JOB", "ANNOTATION_JOB_COUNTER", "ANNOTATION_NAMES_JOB"}
_ASSET_LEVEL: Final = "assetLevel"
_ANSWER_KEYS: Final = {"categories", "annotations", "text", "children", "isKeyFrame"}
_CATEGORY_KEYS: Final = {"name", "confidence", "children"}
_ANNOTATION_KEYS: Final = {"mid", "type", "categories", "children", "isKeyFrame"}
_PIXEL_TWINS: Final = {"pointPixels", "polylinePixels"}
_NUMBER: Final = (float, int)
_OUTLINED: Final = {"rectangle", "polygon", "semantic"}
_MISSHAPEN: Final = (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError)


def rows(asset_id: str, label_key: str, response_hash: str, response: Object) -> list[Row]:
    """The annotations of one answer, in the column order of `records.Annotations`."""
    answer = _Answer(asset_id, label_key, response_hash)
    answer.read(response)
    return answer.rows


class _Answer:
    """Collects the rows of one answer."""

    def __init__(self, asset_id: str, label_key: str, response_hash: str) -> None:
        self.asset_id = asset_id
        self.label_key = label_key
        self.response_hash = response_hash
        self.rows: list[Row] = []
        self.frame: int | None = None

    def read(self, response: Object) -> None:
        jobs = {name: answer for name, answer in response.items() if name not in _RESERVED}
        frames = [name for name in jobs if name != _ASSET_LEVEL]
        if frames and all(_is_frame(name) and isinstance(jobs[name], dict) for name in frames):
            for name in frames:
                self.frame = int(name)
                self.jobs(f"{name}/", jobs[name])
            self.frame = None
            self.jobs(f"{_ASSET_LEVEL}/", jobs.get(_ASSET_LEVEL) or {})
        else:
            self.jobs("", jobs)

    def jobs(self, place: str, jobs: Object, parent: str | None = None) -> None:
        for name, answer in jobs.items():
            if name not in _RESERVED:
                self.whole(self.job, answer, answer, f"{place}{name}", name, parent)

    def whole(
        self,
        read: Callable[[Any, str, str, str | None], None],
        content: Any,
        said: Any,
        place: str,
        job: str,
        parent: str | None,
    ) -> None:
        """Reads what was said; if it has no shape known here, keeps it whole as one `unknown` row."""
        before = len(self.rows)
        try:
            read(content, place, job, parent)
        except _MISSHAPEN:
            del self.rows[before:]
            self.add(place, job, parent, "unknown", extra=said)

    def job(self, answer: Object, place: str, job: str, parent: str | None) -> None:
        before = len(self.rows)
        rest = _rest(answer, _ANSWER_KEYS)
        add = functools.partial(self.add, place, job, parent, is_key_frame=answer.get("isKeyFrame"))
        if "fileId" in rest:
            add("file", text=rest.pop("fileName", None), extra=rest)
        elif "choice" in rest:
            choice = rest.pop("choice")
            add("comparison", category=choice["code"], extra=rest | _rest(choice, {"code"}))
        elif "orders" in rest:
            add("ranking", extra=rest)
        else:
            self.annotations(answer.get("annotations") or (), place, job, parent)
            self.categories(answer, place, job, parent)
            if answer.get("text") is not None:
                add("transcription", text=answer["text"])
            if rest:
                self.keep(before, rest)
        if answer.get("children"):  # the old layout of nested jobs
            self.jobs(f"{place}/children/", answer["children"], str(self.rows[before][0]))

    def keep(self, position: int, rest: Object) -> None:
        """Puts keys that no kind of answer has with the first thing said; without one the answer is unknown."""
        *row, extra = self.rows[position]
        known = orjson.loads(str(extra)) if extra else {}
        self.rows[position] = (*row, _json(known | {"answer": rest}))

    def categories(self, answer: Object, place: str, job: str, parent: str | None) -> None:
        for position, category in enumerate(answer.get("categories") or ()):
            here = f"{place}/categories/{position}"
            key = self.add(
                here,
                job,
                parent,
                "classification",
                category=_string(category["name"]),
                confidence=category.get("confidence"),
                is_key_frame=answer.get("isKeyFrame"),
                extra=_rest(category, _CATEGORY_KEYS),
            )
            self.jobs(f"{here}/children/", category.get("children") or {}, key)

    def annotations(self, annotations: Sequence[Object], place: str, job: str, parent: str | None) -> None:
        for position, parts in _regions(annotations):
            said = parts if len(parts) > 1 else parts[0]
            self.whole(self.annotation, parts, said, f"{place}/annotations/{position}", job, parent)

    def annotation(self, parts: Sequence[Object], place: str, job: str, parent: str | None) -> None:
        said = parts[0]
        if said.get("startEntities") or said.get("endEntities"):
            key = self.relation(place, job, said, parent, "Entities")
        elif said.get("startObjects") or said.get("endObjects"):
            key = self.relation(place, job, said, parent, "Objects")
        elif said.get("type") == "pose" or said.get("points"):
            key = self.pose(place, job, said, parent)
        elif said.get("annotations"):
            key = self.page(place, job, said, parent)
        elif said.get("beginOffset") is not None:
            key = self.entity(place, job, said, parent)
        else:
            key = self.drawn(place, job, parts, parent)
        self.jobs(f"{place}/children/", said.get("children") or {}, key)
        for position, category in enumerate(said.get("categories") or ()):
            self.jobs(f"{place}/categories/{position}/children/", category.get("children") or {}, key)

    def entity(self, place: str, job: str, said: Object, parent: str | None) -> str:
        return self.said(
            place,
            job,
            parent,
            "entity",
            said,
            {"beginOffset", "endOffset", "content"},
            text=said.get("content"),
            begin_offset=said["beginOffset"],
            end_offset=said.get("endOffset"),
        )

    def drawn(self, place: str, job: str, parts: Sequence[Object], parent: str | None) -> str:
        said = parts[0]
        tool = said.get("type") or _tool(said)
        if tool == "rectangle" and len(said["boundingPoly"]) == 1:
            used, shape = "boundingPoly", geometry.box(said["boundingPoly"][0]["normalizedVertices"])
        elif tool in _OUTLINED:
            polygons = [rings for part in parts for rings in _polygons(part["boundingPoly"])]
            used, shape = "boundingPoly", geometry.multipolygon(polygons)
        elif tool == "marker":
            used, shape = "point", geometry.point(said["point"])
        elif tool in {"polyline", "vector"}:
            used, shape = "polyline", geometry.line(said["polyline"])
        else:
            raise ValueError("no known tool")
        return self.said(place, job, parent, "object", said, {used}, tool=tool, shape=shape)

    def page(self, place: str, job: str, said: Object, parent: str | None) -> str:
        """An entity or object on pages of a document."""
        polys = [poly for nested in said["annotations"] for poly in nested.get("polys") or nested["boundingPoly"]]
        rings = [ring for poly in polys for ring in poly["normalizedVertices"]]
        pages = [page for nested in said["annotations"] for page in nested.get("pageNumberArray") or []]
        content = said.get("content")
        tool = None if content else said.get("type") or "rectangle"
        is_outlined = tool in {"polygon", "semantic"}
        return self.said(
            place,
            job,
            parent,
            "entity" if content else "object",
            said,
            {"content", "annotations"},
            tool=tool,
            text=content or None,
            page_number=pages[0] if pages else None,
            shape=geometry.multipolygon([[ring] for ring in rings]) if is_outlined else geometry.boxes(rings),
            more={"pageNumberArray": pages} if len(pages) > 1 else {},
        )

    def pose(self, place: str, job: str, said: Object, parent: str | None) -> str:
        points = said["points"]
        shape = geometry.points([point["point"] for point in points])
        key = self.said(place, job, parent, "pose", said, {"points"}, tool="pose", shape=shape)
        for position, point in enumerate(points):
            self.said(
                f"{place}/points/{position}",
                job,
                key,
                "pose",
                point,
                {"point", "code"},
                tool="marker",
                shape=geometry.point(point["point"]),
                category=point.get("code"),
            )
        return key

    def relation(self, place: str, job: str, said: Object, parent: str | None, ends: str) -> str:
        start, end = f"start{ends}", f"end{ends}"
        return self.said(
            place,
            job,
            parent,
            "relation",
            said,
            {start, end},
            start_mids=_json(_mids(said.get(start))),
            end_mids=_json(_mids(said.get(end))),
        )

    def said(
        self,
        place: str,
        job: str,
        parent: str | None,
        kind: str,
        said: Object,
        used: set[str],
        *,
        shape: geometry.Shape | None = None,
        more: Object | None = None,
        **columns: Any,
    ) -> str:
        """Adds an annotation with what all of them share: mid, category, key frame and what is left over."""
        if said.keys() <= _ANNOTATION_KEYS | used:
            extra: dict[str, Any] = {}
        else:
            extra = _rest(said, _ANNOTATION_KEYS | used | _PIXEL_TWINS)
        categories = said.get("categories") or ()
        if categories:
            first = categories[0]
            columns["category"] = _string(first["name"])
            columns["confidence"] = first.get("confidence")
            if len(categories) > 1 or not first.keys() <= _CATEGORY_KEYS:
                extra["categories"] = categories
        if more:
            extra |= more
        mid = said.get("mid")
        return self.add(
            place,
            job,
            parent,
            kind,
            mid=None if mid is None else str(mid),
            is_key_frame=said.get("isKeyFrame"),
            shape=shape or _NO_SHAPE,
            extra=extra,
            **columns,
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
        shape: tuple[object, ...] = (),
        start_mids: str | None = None,
        end_mids: str | None = None,
        extra: Any = None,
    ) -> str:
        _check(category, str)
        _check(confidence, _NUMBER)
        _check(text, str)
        _check(begin_offset, int)
        _check(end_offset, int)
        _check(page_number, int)
        _check(is_key_frame, bool)
        path = f"{self.label_key}{self.response_hash}{place}"
        key = hashlib.blake2b(path.encode(), digest_size=16).hexdigest()
        wkt, x_min, y_min, x_max, y_max = shape or _NO_SHAPE
        self.rows.append(
            (
                key,
                self.label_key,
                self.response_hash,
                FLATTEN_VERSION,
                self.asset_id,
                parent,
                job,
                kind,
                tool,
                mid,
                category,
                confidence,
                text,
                begin_offset,
                end_offset,
                self.frame,
                is_key_frame,
                page_number,
                x_min,
                y_min,
                x_max,
                y_max,
                wkt,
                start_mids,
                end_mids,
                _json(extra) if kind == "unknown" or extra else None,
            )
        )
        return key


_NO_SHAPE: Final = (None, None, None, None, None)


def _is_frame(name: str) -> bool:
    return name.isascii() and name.isdecimal() and len(name) < 16


def _regions(annotations: Iterable[Object]) -> Iterable[tuple[int, list[Object]]]:
    """Annotations with their positions; the parts of a semantic region, which share a mid, together."""
    found: dict[object, tuple[int, list[Object]]] = {}
    for position, said in enumerate(annotations):
        is_part = isinstance(said, dict) and said.get("type") == "semantic" and said.get("mid") is not None
        name = (str(said["mid"]), _json(said.get("categories"))) if is_part else position
        found.setdefault(name, (position, []))[1].append(said)
    return found.values()


def _polygons(bounding_poly: Sequence[Any]) -> list[list[geometry.Ring]]:
    """Outlines with holes: one in the flat layout (rings), one or more in the hierarchical one (groups of rings)."""
    groups = bounding_poly if isinstance(bounding_poly[0], list) else [bounding_poly]
    return [[ring["normalizedVertices"] for ring in group] for group in groups]


def _tool(said: Object) -> str | None:
    """The tool of an object that does not name it."""
    if said.get("boundingPoly"):
        rings = said["boundingPoly"]
        if isinstance(rings[0], list) or len(rings) > 1:
            return "semantic"
        return "rectangle" if _is_upright_box(rings[0]["normalizedVertices"]) else "polygon"
    if said.get("polyline"):
        return "polyline"
    return "marker" if said.get("point") else None


def _is_upright_box(ring: geometry.Ring) -> bool:
    corners = {(vertex["x"], vertex["y"]) for vertex in ring}
    return len(ring) == len(corners) == 4 and len({x for x, _ in corners}) == len({y for _, y in corners}) == 2


def _mids(ends: Sequence[Object] | None) -> list[str]:
    return [str(end["mid"]) for end in ends or ()]


def _string(value: object) -> str:
    if isinstance(value, str):
        return value
    raise TypeError(f"{value!r} is not a text")


def _check(value: object, types: type | tuple[type, ...]) -> None:
    """Whether a column can hold the value."""
    if value is None:
        return
    if not isinstance(value, types) or (isinstance(value, bool) and types is not bool):
        raise TypeError(f"{value!r} is of another type than its column")
    if isinstance(value, int) and value.bit_length() > 63:
        raise ValueError(f"{value!r} is too large for its column")


def _is_present(value: object) -> bool:
    return value is not None and value != [] and value != {}


def _rest(said: Object, used: set[str]) -> dict[str, Any]:
    """What no column holds, empty decoys aside."""
    return {key: value for key, value in said.items() if key not in used and _is_present(value)}


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
