"""The fast path: records of common shape, decoded by msgspec into structs.

`export` and `answers` read every shape, and take longer. The structs here hold only the keys of usual records, each
with one type. A job that does not fit is read by `answers`, a record that does not fit by both. The rows are the same
on both paths.
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
_EXACT: Final = 2**53  # integers up to here are exact as floats
_Number = Annotated[int, Meta(ge=-_EXACT, le=_EXACT)] | Annotated[float, Meta(ge=-_EXACT, le=_EXACT)]
_Whole = Annotated[int, Meta(ge=-_EXACT, le=_EXACT)]
_Instant = Annotated[
    str, Meta(pattern=r"^(?!000[01]|9999)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?\Z")
]


class _Part(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """Base of the parts of an answer. Null represents a missing key; a part with a null value is not common.

    Fields are in the order of their names, so that they are encoded as by `canonical_json`.
    """


class Vertex(_Part):
    """A point in normalised coordinates."""

    x: _Number
    y: _Number


class Ring(_Part):
    """An outline; `vertices` are its pixels."""

    normalizedVertices: Annotated[list[Vertex], Meta(min_length=3)]
    vertices: list[Vertex] = _ABSENT


class Named(_Part, kw_only=True):
    """The category of an annotation."""

    children: Annotated[dict[str, Any], Meta(max_length=0)] = _ABSENT
    confidence: _Number = _ABSENT
    name: str


class Category(_Part, kw_only=True):
    """A chosen category, and the answers nested in it."""

    children: "dict[str, Job]" = _ABSENT
    confidence: _Number = _ABSENT
    name: str


class Annotation(_Part, kw_only=True):
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


class Job(_Part):
    """The answer of a job: objects, entities, categories or a text."""

    annotations: list[Annotation] = _ABSENT
    categories: list[Category] = _ABSENT
    isKeyFrame: bool = _ABSENT
    text: str = _ABSENT


class _Record(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Base of assets, labels and authors. Missing keys are unset, so an encoded record has its original keys."""


Jobs = dict[str, Job]
Frames = dict[str, Jobs]


class Mixed(dict[str, Any]):
    """Jobs or frames some of which have another shape, and are kept as JSON values."""


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
    """The struct of an asset whose labels have answers of the type `response`."""
    columns = records.LABELS.keyed()
    label = _record("Label", columns, OTHER_LABEL_KEYS, author=Author, jsonResponse=response)
    labels = GenericAlias(list, label)
    lists = {"labels": labels, "latestLabel": label, "latestLabels": labels}
    asset_id = Annotated[str, Meta(min_length=1)]
    return _record("Asset", records.ASSETS.keyed(), OTHER_ASSET_KEYS, id=asset_id, **lists)


Answer = tuple[Jobs | Frames | Mixed | None, bytes | None]
"""A label's answer, and its canonical JSON text."""


class Plain(NamedTuple):
    """An asset of common shape, and the answers of its labels."""

    asset: Any
    answers: list[Answer]


_JOB: Final = msgspec.json.Decoder(Job)
_LEVEL: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_UNREAD: Final = msgspec.json.Decoder(_asset_of(dict[str, msgspec.Raw]))
_LAST_DIGIT: Final = ":"  # sorts after all digits
_ASSET_LEVEL: Final = "assetLevel"
_STRUCTURED: Final = {"author", "jsonResponse", "labels", "latestLabel", "latestLabels"}
_ENCODER: Final = msgspec.json.Encoder(order="deterministic")


def asset(raw: bytes) -> Plain | None:
    """The asset of a record of common shape; null for other shapes, and if a key or label is repeated.

    Some of its jobs may have other shapes. Raises `TypeError`, `ValueError` or `RecursionError` for some other shapes.
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
    """The asset; null if a key of the record is repeated or an answer has a signed URL."""
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
    """Takes the answer out of a label, and leaves null."""
    response = label.jsonResponse
    if response is None or response is _UNSET:
        return None, None
    label.jsonResponse = None
    return response, dumps(response)


def values(record: Any, get: Callable[[Any], tuple[Any, ...]]) -> list[Any]:
    """The values that `get` returns for a record, null for unset ones."""
    return [None if value is _UNSET else value for value in get(record)]


def is_frame(name: str) -> bool:
    """Whether a key of an answer is the number of a video frame."""
    return name.isascii() and name.isdecimal() and len(name) < 16


def are_jobs(response: Mapping[str, object]) -> bool:
    """Whether the keys of an answer are jobs. Job names do not start with a digit, as frames of a video do."""
    return not response or (min(response) > _LAST_DIGIT and _ASSET_LEVEL not in response)


def _are_frames(response: Mapping[str, object]) -> bool:
    return all(is_frame(name) or name == _ASSET_LEVEL for name in response)


def _mixed(raw: bytes) -> Any:
    """The asset of a record in which some jobs have another shape."""
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
    """Cuts signing parameters from the URLs of an asset, which has none in its answers."""
    for record in (asset, *labels_of(asset)):
        for name in record.__struct_fields__:
            if name not in _STRUCTURED:
                setattr(record, name, signed_urls.unsigned(getattr(record, name)))


def labels_of(asset: Any) -> list[Any]:
    """The labels of an asset under all three keys."""
    several = (asset.labels or []) + (asset.latestLabels or [])
    return [*several, asset.latestLabel] if asset.latestLabel else several


def _may_have_duplicates(asset: Any) -> bool:
    """Whether two labels share an id, or several keys hold labels."""
    ids = [label.id for label in labels_of(asset) if label.id]
    return len(set(ids)) < len(ids) or sum(map(bool, (asset.labels, asset.latestLabels, asset.latestLabel))) > 1


def job(said: object) -> Job | None:
    """The struct of a job's answer given as JSON values; null if it has another shape."""
    try:
        return msgspec.convert(said, Job)
    except msgspec.ValidationError:
        return None


def builtins(said: object) -> Any:
    """A struct as JSON values."""
    return msgspec.to_builtins(said)


def dumps(response: Jobs | Frames | Mixed) -> bytes:
    """An answer as `canonical_json.dumps` writes it."""
    if isinstance(response, Mixed):
        is_video = _are_frames(response)
        written = {name: _written(one) for name, one in response.items()} if is_video else _written(response)
        return _ENCODER.encode(written)
    return _ENCODER.encode(response)


def _written(jobs: dict[str, Any]) -> dict[str, Any]:
    """Jobs in the form that the encoder writes."""
    return {name: one if isinstance(one, Job) else msgspec.Raw(canonical_json.dumps(one)) for name, one in jobs.items()}
