"""Reads single annotations into rows: objects, entities, poses, relations, and annotations on pages of a document."""

from collections.abc import Sequence
from typing import Any, Final

from pipelines.kili import canonical_json
from pipelines.kili.annotations import drawings, pages, wkt
from pipelines.kili.annotations.answer_rows import (
    AnswerRows,
    Object,
    check_no_keys,
    remaining,
    to_list,
    to_text,
    to_text_or_none,
)

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


class AnnotationReader(AnswerRows):
    """Adds the rows of annotations. Raises an error for an annotation of unknown shape."""

    def annotation(self, parts: Sequence[Object], place: str, job: str, parent: str | None) -> None:
        """Adds the rows of an annotation, given as the list of its parts: several only for a semantic region."""
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
        tool, shape, more = drawings.read_drawing(parts)
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
            text=to_text_or_none(annotation.get("content")),
            begin_offset=annotation["beginOffset"],
            end_offset=annotation.get("endOffset"),
        )

    def page(self, place: str, job: str, annotation: Object, parent: str | None) -> str:
        """Adds an entity or object on pages of a document.

        Either the annotation or one of its pages names the type. Without a type it is a rectangle.
        """
        content = to_text_or_none(annotation.get("content")) or None
        types = (part.get("type") for part in (annotation, *annotation["annotations"]))
        type_name = next((type_ for type_ in types if type_), "rectangle")
        tool = None if content else type_name
        if tool is not None and tool not in drawings.OUTLINED:
            raise ValueError("no known tool")
        is_box = type_name not in {"polygon", "semantic"}
        number, shape, more = pages.place_on_pages(annotation["annotations"], is_box=is_box)
        check_no_keys(annotation, {"pages", *more} - {"annotations"})
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
        points = to_list(annotation.get("points"))
        shape = wkt.points([point["point"] for point in points]) if points else None
        key = self.add_annotation(
            place, job, parent, "pose", annotation, _POSE_KEYS, type_="pose", tool="pose", shape=shape
        )
        for position, point in enumerate(points):
            point_place = f"{place}/points/{position}"
            shape = wkt.point(point["point"])
            more = {} if len(point["point"]) == 2 else {"point": point["point"]}
            point_key = self.add_annotation(
                point_place,
                job,
                key,
                "pose",
                {name: value for name, value in point.items() if name != "categories"},
                _POINT_KEYS,
                type_="marker",
                tool="marker",
                shape=shape,
                more=more | remaining(point, point.keys() - {"categories"}),
                category=to_text_or_none(point.get("code")),
            )
            self.nest(f"{point_place}/children", point.get("children"), point_key)
        return key

    def relation(self, place: str, job: str, annotation: Object, parent: str | None, end_type: str) -> str:
        start_key, end_key = f"start{end_type}", f"end{end_type}"
        starts, ends = to_list(annotation.get(start_key)), to_list(annotation.get(end_key))
        more: dict[str, Any] = {"_ends": "objects"} if end_type == "Objects" else {}
        more |= {key: side for key, side in ((start_key, starts), (end_key, ends)) if not _have_only_mids(side)}
        return self.add_annotation(
            place,
            job,
            parent,
            "relation",
            annotation,
            _SHARED | {start_key, end_key},
            start_mids=canonical_json.text([to_text(start["mid"]) for start in starts]),
            end_mids=canonical_json.text([to_text(end["mid"]) for end in ends]),
            more=more,
        )


def _have_only_mids(ends: Sequence[Object]) -> bool:
    return all(len(end) == 1 and type(end["mid"]) is str for end in ends)
