"""The plainest records, which most are, read by their types in one go.

`export` and `answers` know every shape, and take their time. What is declared here holds only the keys that usual
records have, each of its own type; a job that does not fit is left to `answers`, a record that does not to both. Either
way the rows are the same.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Generic, Literal, TypeVar

import msgspec
import orjson
from msgspec import Meta

from pipelines.kili import canonical, urls

_ABSENT: Final[Any] = None
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
    """Base of what answers stand in: null and absent are alike."""


class Author(_Record):
    """Who made a label."""

    id: str | None = None
    email: str | None = None
    name: str | None = None
    firstname: Any = None
    lastname: Any = None


_Response = TypeVar("_Response")
Jobs = dict[str, Job]
Frames = dict[str, Jobs]


class Mixed(dict[str, Any]):
    """Jobs or frames some of which hold what is not plain, as JSON has it: shapes less usual, or what is no job."""


class Label(_Record, Generic[_Response]):
    """A label; the keys from `isLastForStep` on have no column."""

    createdAt: _Instant
    labelType: str
    id: str | None = None
    author: Author | None = None
    jsonResponse: _Response | None = None
    modelName: str | None = None
    skipped: bool | None = None
    isSentBackToQueue: bool | None = None
    isLatestLabelForUser: bool | None = None
    isHoneypot: bool | None = None
    consensusMark: float | None = None
    honeypotMark: float | None = None
    inferenceMark: float | None = None
    reviewScore: float | None = None
    secondsToLabel: float | None = None
    totalSecondsToLabel: float | None = None
    isLastForStep: Any = None
    isLatestDefaultLabelForUser: Any = None
    isLatestPredictionLabelForUser: Any = None
    isLatestReviewLabelForUser: Any = None
    jsonResponseUrl: Any = None
    numberOfAnnotations: Any = None


class Asset(_Record, Generic[_Response]):
    """An asset with its labels; `jsonContent` and the resolutions have no column."""

    id: Annotated[str, Meta(min_length=1)]
    projectId: str | None = None
    externalId: str | None = None
    content: str | None = None
    status: str | None = None
    jsonMetadata: dict[str, Any] | None = None
    isHoneypot: bool | None = None
    honeypotMark: float | None = None
    isUsedForConsensus: bool | None = None
    consensusMark: float | None = None
    inferenceMark: float | None = None
    skipped: bool | None = None
    totalSecondsToLabel: float | None = None
    createdAt: _Instant | None = None
    updatedAt: _Instant | None = None
    labels: list[Label[_Response]] | None = None
    latestLabel: Label[_Response] | None = None
    latestLabels: list[Label[_Response]] | None = None
    jsonContent: Any = None
    pageResolutions: Any = None
    resolution: Any = None


_JOB: Final = msgspec.json.Decoder(Job)
_LEVEL: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_UNREAD: Final = msgspec.json.Decoder(Asset[dict[str, msgspec.Raw]])
_LAST_DIGIT: Final = ":"  # the character after 9
_ASSET_LEVEL: Final = "assetLevel"
_STRUCTURED: Final = {"author", "jsonResponse", "labels", "latestLabel", "latestLabels"}
_ENCODER: Final = msgspec.json.Encoder(order="deterministic")


def asset(raw: bytes) -> Asset[Any] | None:
    """The asset of a record, if it is plain but for some of the jobs in its answers."""
    for decode, fits in _SHAPES:
        try:
            found = decode(raw)
        except (msgspec.DecodeError, orjson.JSONDecodeError, UnicodeDecodeError, RecursionError):
            continue
        if all(fits(label.jsonResponse or {}) for label in labels_of(found)) and not _may_have_duplicates(found):
            return _unsigned(found) if urls.may_be_signed(raw) else found
    return None


def is_frame(name: str) -> bool:
    """Whether a name in an answer is a video's frame."""
    return name.isascii() and name.isdecimal() and len(name) < 16


def names(json_response: str) -> set[str] | None:
    """The jobs that an answer names and says something of, if jobs are what stands at its top."""
    try:
        found = _LEVEL.decode(json_response)
    except RecursionError:
        return None
    return {name for name, said in found.items() if bytes(said) != b"null"} if are_jobs(found) else None


def are_jobs(response: Mapping[str, object]) -> bool:
    """Whether an answer's names are jobs, none of them with a digit in front, as a video's frames have."""
    return not response or (min(response) > _LAST_DIGIT and _ASSET_LEVEL not in response)


def _are_frames(response: Mapping[str, object]) -> bool:
    return all(is_frame(name) or name == _ASSET_LEVEL for name in response)


def _mixed(raw: bytes) -> Asset[Any]:
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


_SHAPES: Final[tuple[tuple[Callable[[bytes], Asset[Any]], Callable[[Mapping[str, object]], bool]], ...]] = (
    (msgspec.json.Decoder(Asset[Jobs]).decode, are_jobs),
    (msgspec.json.Decoder(Asset[Frames]).decode, _are_frames),
    (_mixed, lambda response: _are_frames(response) or are_jobs(response)),
)


def _unsigned(asset: Asset[Any]) -> Asset[Any] | None:
    """The asset without signing parameters in its URLs; answers that have any are not plain."""
    labels = labels_of(asset)
    if any(label.jsonResponse and urls.may_be_signed(dumps(label.jsonResponse)) for label in labels):
        return None
    for record in (asset, *labels):
        for name in record.__struct_fields__:
            if name not in _STRUCTURED:
                setattr(record, name, urls.unsigned(getattr(record, name)))
    return asset


def labels_of(asset: Asset[_Response]) -> list[Label[_Response]]:
    """The labels of an asset, whichever key holds them."""
    several = (asset.labels or []) + (asset.latestLabels or [])
    return several if asset.latestLabel is None else [*several, asset.latestLabel]


def _may_have_duplicates(asset: Asset[Any]) -> bool:
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
    return {name: one if isinstance(one, Job) else msgspec.Raw(canonical.dumps(one)) for name, one in jobs.items()}
