"""The plainest records, which most are, read by their types in one go.

`export` and `answers` know every shape, and take their time. What is declared here holds only the keys that usual
records have, each of its own type; a job that does not fit is left to `answers`, a record that does not to both. Either
way the rows are the same.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import GenericAlias
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec
import orjson
from msgspec import Meta

from pipelines.kili import canonical_json, records, repeated_keys, signed_urls
from pipelines.loading.tables import JSON, Column

_ABSENT: Final[Any] = None
_UNSET: Final[Any] = msgspec.UNSET
_EXACT: Final = 2**53  # whole numbers up to here are floats as well
_Number = Annotated[int, Meta(ge=-_EXACT, le=_EXACT)] | Annotated[float, Meta(ge=-_EXACT, le=_EXACT)]
_Whole = Annotated[int, Meta(ge=-_EXACT, le=_EXACT)]
_Instant = Annotated[
    str, Meta(pattern=r"^(?!000[01]|9999)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?\Z")
]


class _Said(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """Base of what an answer says. Null stands for a key that is not there; one that holds null is not plain.

    Keys are named in their order, so that written again they are as `canonical` has them.
    """


class Vertex(_Said):
    """A point in normalised coordinates."""

    x: _Number
    y: _Number


class Ring(_Said):
    """An outline; `vertices` are its pixels."""

    normalizedVertices: Annotated[list[Vertex], Meta(min_length=3)]
    vertices: list[Vertex] = _ABSENT


class Named(_Said, kw_only=True):
    """The category of an annotation."""

    children: Annotated[dict[str, Any], Meta(max_length=0)] = _ABSENT
    confidence: _Number = _ABSENT
    name: str


class Category(_Said, kw_only=True):
    """A chosen category, and the answers nested in it."""

    children: "dict[str, Job]" = _ABSENT
    confidence: _Number = _ABSENT
    name: str


class Annotation(_Said, kw_only=True):
    """An object of one outline, or an entity."""

    beginOffset: _Whole = _ABSENT
    boundingPoly: Annotated[list[Ring], Meta(min_length=1, max_length=1)] = _ABSENT
    categories: Annotated[list[Named], Meta(min_length=1, max_length=1)]
    children: "dict[str, Job]" = _ABSENT
    content: str = _ABSENT
    endOffset: _Whole = _ABSENT
    isKeyFrame: bool = _ABSENT
    mid: str = _ABSENT
    type: Literal["rectangle", "polygon", "semantic"] = _ABSENT


class Job(_Said):
    """The answer of a job: objects, entities, categories or a text."""

    annotations: list[Annotation] = _ABSENT
    categories: list[Category] = _ABSENT
    isKeyFrame: bool = _ABSENT
    text: str = _ABSENT


class _Record(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Base of what answers stand in. What is absent is unset, so that written again a record has the keys it had."""


Jobs = dict[str, Job]
Frames = dict[str, Jobs]


class Mixed(dict[str, Any]):
    """Jobs or frames some of which hold what is not plain, as JSON has it: shapes less usual, or what is no job."""


OTHER_ASSET_KEYS: Final = ("jsonContent", "pageResolutions", "resolution")
"""The keys without a column that usual assets have."""
OTHER_LABEL_KEYS: Final = (
    "isLastForStep",
    "isLatestDefaultLabelForUser",
    "isLatestPredictionLabelForUser",
    "isLatestReviewLabelForUser",
    "jsonResponseUrl",
    "numberOfAnnotations",
)
OTHER_AUTHOR_KEYS: Final = ("firstname", "lastname")

_TYPES: Final[Mapping[type | str, Any]] = {
    str: str,
    float: float,
    bool: bool,
    datetime: _Instant,
    JSON: dict[str, Any],
}


def _record(name: str, columns: Mapping[str, Column], others: Sequence[str], **more: Any) -> Any:
    """The struct of a usual record. `others`: its keys without a column; `more`: keys with a type of their own."""
    keys = {key: _TYPES[column.type] for key, column in columns.items()} | dict.fromkeys(others, Any) | more
    required = {key for key, column in columns.items() if not column.is_nullable}
    fields = [(key, hint) if key in required else (key, hint | None, _UNSET) for key, hint in keys.items()]
    return msgspec.defstruct(name, fields, bases=(_Record,), kw_only=True)


Author: Final = _record("Author", records.LABELS.keyed("author"), OTHER_AUTHOR_KEYS)


def _asset_of(response: Any) -> Any:
    """The struct of a usual asset whose labels have answers of a type."""
    columns = records.LABELS.keyed()
    label = _record("Label", columns, OTHER_LABEL_KEYS, author=Author, jsonResponse=response)
    labels = GenericAlias(list, label)
    lists = {"labels": labels, "latestLabel": label, "latestLabels": labels}
    asset_id = Annotated[str, Meta(min_length=1)]
    return _record("Asset", records.ASSETS.keyed(), OTHER_ASSET_KEYS, id=asset_id, **lists)


Answer = tuple[Jobs | Frames | Mixed | None, bytes | None]
"""A label's answer, also as `canonical.dumps` writes it."""


class Plain(NamedTuple):
    """A plain asset, and apart from it the answers of its labels."""

    asset: Any
    answers: list[Answer]


_JOB: Final = msgspec.json.Decoder(Job)
_LEVEL: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_UNREAD: Final = msgspec.json.Decoder(_asset_of(dict[str, msgspec.Raw]))
_LAST_DIGIT: Final = ":"  # the character after 9
_ASSET_LEVEL: Final = "assetLevel"
_STRUCTURED: Final = {"author", "jsonResponse", "labels", "latestLabel", "latestLabels"}
_ENCODER: Final = msgspec.json.Encoder(order="deterministic")


def asset(raw: bytes) -> Plain | None:
    """The asset of a record, if it is plain but for some of the jobs in its answers, and no key or label is repeated.

    Raises `TypeError`, `ValueError` or `RecursionError` if it is not so plain.
    """
    for decode, fits in _SHAPES:
        try:
            found = decode(raw)
        except (msgspec.DecodeError, orjson.JSONDecodeError, UnicodeDecodeError, RecursionError):
            continue
        if all(fits(label.jsonResponse or {}) for label in labels_of(found)):
            return None if _may_have_duplicates(found) else _checked(raw, found)
    return None


def _checked(raw: bytes, asset: Any) -> Plain | None:
    """The asset, if no key of the record is repeated and no answer has a signed URL."""
    answers = list(map(_answer_taken, labels_of(asset)))
    texts = [text for _, text in answers if text is not None]
    if repeated_keys.may_be_in(raw, b"".join([_ENCODER.encode(asset), *texts])):
        return None
    if signed_urls.may_be_signed(raw):
        if any(map(signed_urls.may_be_signed, texts)):
            return None
        _cut_signatures(asset)
    return Plain(asset, answers)


def _answer_taken(label: Any) -> Answer:
    """A label's answer, in whose place null is left."""
    response = label.jsonResponse
    if response is None or response is _UNSET:
        return None, None
    label.jsonResponse = None
    return response, dumps(response)


def values(record: Any, get: Callable[[Any], tuple[Any, ...]]) -> list[Any]:
    """What `get` gives of a record, null for what is unset."""
    return [None if value is _UNSET else value for value in get(record)]


def is_frame(name: str) -> bool:
    """Whether a name in an answer is a video's frame."""
    return name.isascii() and name.isdecimal() and len(name) < 16


def are_jobs(response: Mapping[str, object]) -> bool:
    """Whether an answer's names are jobs, none of them with a digit in front, as a video's frames have."""
    return not response or (min(response) > _LAST_DIGIT and _ASSET_LEVEL not in response)


def _are_frames(response: Mapping[str, object]) -> bool:
    return all(is_frame(name) or name == _ASSET_LEVEL for name in response)


def _mixed(raw: bytes) -> Any:
    """The asset of a record of which some jobs are not plain."""
    found = _UNREAD.decode(raw)
    for label in labels_of(found):
        if said := label.jsonResponse:
            is_video = _are_frames(said)
            jobs: Any = {name: _jobs(_LEVEL.decode(one)) for name, one in said.items()} if is_video else _jobs(said)
            label.jsonResponse = Mixed(jobs)
    return found


def _jobs(said: dict[str, msgspec.Raw]) -> dict[str, Any]:
    return {name: _job(one) for name, one in said.items()}


def _job(said: msgspec.Raw) -> Any:
    try:
        return _JOB.decode(said)
    except msgspec.ValidationError:
        return orjson.loads(bytes(said))


_SHAPES: Final[tuple[tuple[Callable[[bytes], Any], Callable[[Mapping[str, object]], bool]], ...]] = (
    (msgspec.json.Decoder(_asset_of(Jobs)).decode, are_jobs),
    (msgspec.json.Decoder(_asset_of(Frames)).decode, _are_frames),
    (_mixed, lambda response: _are_frames(response) or are_jobs(response)),
)


def _cut_signatures(asset: Any) -> None:
    """Cuts signing parameters from the URLs of an asset; there are none in its answers."""
    for record in (asset, *labels_of(asset)):
        for name in record.__struct_fields__:
            if name not in _STRUCTURED:
                setattr(record, name, signed_urls.unsigned(getattr(record, name)))


def labels_of(asset: Any) -> list[Any]:
    """The labels of an asset, whichever key holds them."""
    several = (asset.labels or []) + (asset.latestLabels or [])
    return [*several, asset.latestLabel] if asset.latestLabel else several


def _may_have_duplicates(asset: Any) -> bool:
    """Whether two labels have one id, or labels stand under several keys."""
    ids = [label.id for label in labels_of(asset) if label.id]
    return len(set(ids)) < len(ids) or sum(map(bool, (asset.labels, asset.latestLabels, asset.latestLabel))) > 1


def job(said: object) -> Job | None:
    """The answer of a job as JSON has it, if it is plain."""
    try:
        return msgspec.convert(said, Job)
    except msgspec.ValidationError:
        return None


def builtins(said: object) -> Any:
    """What is declared here as JSON has it."""
    return msgspec.to_builtins(said)


def dumps(response: Jobs | Frames | Mixed) -> bytes:
    """An answer as `canonical.dumps` writes it."""
    if isinstance(response, Mixed):
        is_video = _are_frames(response)
        written = {name: _written(one) for name, one in response.items()} if is_video else _written(response)
        return _ENCODER.encode(written)
    return _ENCODER.encode(response)


def _written(jobs: dict[str, Any]) -> dict[str, Any]:
    """Jobs as the encoder can write them."""
    return {name: one if isinstance(one, Job) else msgspec.Raw(canonical_json.dumps(one)) for name, one in jobs.items()}
