"""Structs for the common shapes of answers, and the terms of the fast path.

A job is plain if it fits `Job`, which has only the usual keys with their usual types. `columns` turns plain jobs into
rows. All other jobs take the reference path in `answers`. Both paths give the same rows.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
import orjson
from msgspec import Meta

from pipelines.kili import canonical_json

_ABSENT: Final[Any] = None
_EXACT: Final = 2**53  # floats represent all integers up to this one exactly
_Number = Annotated[int, Meta(ge=-_EXACT, le=_EXACT)] | Annotated[float, Meta(ge=-_EXACT, le=_EXACT)]
_Whole = Annotated[int, Meta(ge=-_EXACT, le=_EXACT)]


class _AnswerPart(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """Base of the parts of an answer. A missing key has the value null; a key that holds null does not decode.

    Keys are declared in sorted order, so that an encoded part is canonical JSON.
    """


class Vertex(_AnswerPart):
    """A point in normalised coordinates."""

    x: _Number
    y: _Number


class Ring(_AnswerPart):
    """An outline in normalised coordinates; `vertices` are the same points in pixels."""

    normalizedVertices: Annotated[list[Vertex], Meta(min_length=3)]
    vertices: list[Vertex] = _ABSENT


class AnnotationCategory(_AnswerPart, kw_only=True):
    """The category of an annotation."""

    children: Annotated[dict[str, Any], Meta(max_length=0)] = _ABSENT
    confidence: _Number = _ABSENT
    name: str


class Category(_AnswerPart, kw_only=True):
    """A chosen category and the jobs nested in it."""

    children: "dict[str, Job]" = _ABSENT
    confidence: _Number = _ABSENT
    name: str


class Annotation(_AnswerPart, kw_only=True):
    """An object with one outline, or an entity."""

    beginOffset: _Whole = _ABSENT
    boundingPoly: Annotated[list[Ring], Meta(min_length=1, max_length=1)] = _ABSENT
    categories: Annotated[list[AnnotationCategory], Meta(min_length=1, max_length=1)]
    children: "dict[str, Job]" = _ABSENT
    content: str = _ABSENT
    endOffset: _Whole = _ABSENT
    isKeyFrame: bool = _ABSENT
    mid: str = _ABSENT
    type: Literal["rectangle", "polygon", "semantic"] = _ABSENT


class Job(_AnswerPart):
    """The answer of a job: objects, entities, categories or a text."""

    annotations: list[Annotation] = _ABSENT
    categories: list[Category] = _ABSENT
    isKeyFrame: bool = _ABSENT
    text: str = _ABSENT


Jobs = dict[str, Job]
Frames = dict[str, Jobs]


class Mixed(dict[str, Any]):
    """Jobs or frames of which some are plain JSON values instead of structs, because they do not fit `Job`."""


Answer = tuple[Jobs | Frames | Mixed | None, bytes | None]
"""A label's answer, decoded and as canonical JSON."""


_JOB: Final = msgspec.json.Decoder(Job)
_LEVEL: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LAST_DIGIT: Final = ":"  # the character after 9
_ASSET_LEVEL: Final = "assetLevel"
ENCODER: Final = msgspec.json.Encoder(order="deterministic")


def is_frame(name: str) -> bool:
    """Whether a key of an answer is a frame number of a video."""
    return name.isascii() and name.isdecimal() and len(name) < 16


def are_jobs(response: Mapping[str, object]) -> bool:
    """Whether all keys of an answer are jobs. A key that starts with a digit may be a frame of a video."""
    return not response or (min(response) > _LAST_DIGIT and _ASSET_LEVEL not in response)


def are_frames(response: Mapping[str, object]) -> bool:
    """Whether all keys of an answer are frames of a video or its asset level."""
    return all(is_frame(name) or name == _ASSET_LEVEL for name in response)


def mixed(response: Mapping[str, msgspec.Raw]) -> Mixed:
    """Returns an answer with its plain jobs decoded as structs and its other jobs as JSON values."""
    if are_frames(response):
        return Mixed({name: _decode_jobs(_LEVEL.decode(jobs)) for name, jobs in response.items()})
    return Mixed(_decode_jobs(response))


def _decode_jobs(jobs: Mapping[str, msgspec.Raw]) -> dict[str, Any]:
    return {name: _decode_job(text) for name, text in jobs.items()}


def _decode_job(text: msgspec.Raw) -> Any:
    try:
        return _JOB.decode(text)
    except msgspec.ValidationError:
        return orjson.loads(bytes(text))


def job(answer: object) -> Job | None:
    """Returns the answer of a job as a struct, or null if it is not plain."""
    try:
        return msgspec.convert(answer, Job)
    except msgspec.ValidationError:
        return None


def to_json_value(part: object) -> Any:
    """Returns a struct as a JSON value."""
    return msgspec.to_builtins(part)


def dumps(response: Jobs | Frames | Mixed) -> bytes:
    """Returns an answer as canonical JSON in UTF-8."""
    if isinstance(response, Mixed):
        is_video = are_frames(response)
        encodable = {name: _encodable(jobs) for name, jobs in response.items()} if is_video else _encodable(response)
        return ENCODER.encode(encodable)
    return ENCODER.encode(response)


def _encodable(jobs: dict[str, Any]) -> dict[str, Any]:
    """Returns jobs with JSON values replaced by their canonical text."""
    return {
        name: answer if isinstance(answer, Job) else msgspec.Raw(canonical_json.dumps(answer))
        for name, answer in jobs.items()
    }
