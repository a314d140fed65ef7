"""Decodes plain records with msgspec: the fast path for assets and labels with only the usual keys and types.

The reference path is `parse` with `flatten.asset`. A record that is not plain takes the reference path. Both paths give
the same rows.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import GenericAlias
from typing import Annotated, Any, Final, NamedTuple

import msgspec
import orjson
from msgspec import Meta

from pipelines.kili import records, repeated_keys, signed_urls
from pipelines.kili.annotations import common_shapes
from pipelines.loading.tables import JSON, Column

_UNSET: Final[Any] = msgspec.UNSET
_Instant = Annotated[
    str, Meta(pattern=r"^(?!000[01]|9999)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?\Z")
]


class _Record(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Base of assets, labels and authors. Missing keys are unset, so an encoded record has the keys of its text."""


OTHER_ASSET_KEYS: Final = ("jsonContent", "pageResolutions", "resolution")
"""Usual keys of an asset without a column."""
OTHER_LABEL_KEYS: Final = (
    "isLastForStep",
    "isLatestDefaultLabelForUser",
    "isLatestPredictionLabelForUser",
    "isLatestReviewLabelForUser",
    "jsonResponseUrl",
    "numberOfAnnotations",
)
"""Usual keys of a label without a column."""
OTHER_AUTHOR_KEYS: Final = ("firstname", "lastname")
"""Usual keys of an author without a column."""

_TYPES: Final[Mapping[type | str, Any]] = {
    str: str,
    float: float,
    bool: bool,
    datetime: _Instant,
    JSON: dict[str, Any],
}


def _struct(name: str, columns: Mapping[str, Column], others: Sequence[str], **more: Any) -> Any:
    """Returns the struct of a plain record. `others`: keys without a column; `more`: keys with their own type."""
    keys = {key: _TYPES[column.type] for key, column in columns.items()} | dict.fromkeys(others, Any) | more
    required = {key for key, column in columns.items() if not column.is_nullable}
    fields = [(key, hint) if key in required else (key, hint | None, _UNSET) for key, hint in keys.items()]
    return msgspec.defstruct(name, fields, bases=(_Record,), kw_only=True)


Author: Final = _struct("Author", records.LABELS.keyed("author"), OTHER_AUTHOR_KEYS)


def _asset_struct(response: Any) -> Any:
    """Returns the struct of a plain asset whose labels have answers of the type `response`."""
    columns = records.LABELS.keyed()
    label = _struct("Label", columns, OTHER_LABEL_KEYS, author=Author, jsonResponse=response)
    labels = GenericAlias(list, label)
    lists = {"labels": labels, "latestLabel": label, "latestLabels": labels}
    asset_id = Annotated[str, Meta(min_length=1)]
    return _struct("Asset", records.ASSETS.keyed(), OTHER_ASSET_KEYS, id=asset_id, **lists)


class PlainAsset(NamedTuple):
    """A plain asset, whose labels have null as their answer, and the answers in the order of `labels_of`."""

    asset: Any
    answers: list[common_shapes.Answer]


_RAW_ANSWERS: Final = msgspec.json.Decoder(_asset_struct(dict[str, msgspec.Raw]))
_STRUCTURED: Final = {"author", "jsonResponse", "labels", "latestLabel", "latestLabels"}


def decode(raw: bytes) -> PlainAsset | None:
    """Returns the asset of a plain record, or null. Single jobs in its answers may have other than common shapes.

    A record with a repeated key or label is not plain. May raise `TypeError`, `ValueError` or `RecursionError` for a
    record that is not plain.
    """
    for decode_shape, fits in _SHAPES:
        try:
            asset = decode_shape(raw)
        except (msgspec.DecodeError, orjson.JSONDecodeError, UnicodeDecodeError, RecursionError):
            continue
        if all(fits(label.jsonResponse or {}) for label in labels_of(asset)):
            return None if _may_have_duplicates(asset) else _checked(raw, asset)
    return None


def _checked(raw: bytes, asset: Any) -> PlainAsset | None:
    """Returns the asset, or null if the record repeats a key or an answer may contain a signed URL."""
    answers = list(map(_take_answer, labels_of(asset)))
    texts = [text for _, text in answers if text is not None]
    if repeated_keys.may_occur(raw, b"".join([common_shapes.ENCODER.encode(asset), *texts])):
        return None
    if signed_urls.may_be_signed(raw):
        if any(map(signed_urls.may_be_signed, texts)):
            return None
        _remove_signatures(asset)
    return PlainAsset(asset, answers)


def _take_answer(label: Any) -> common_shapes.Answer:
    """Returns a label's answer and sets it to null in the label."""
    response = label.jsonResponse
    if response is None or response is _UNSET:
        return None, None
    label.jsonResponse = None
    return response, common_shapes.dumps(response)


def values(record: Any, get: Callable[[Any], tuple[Any, ...]]) -> list[Any]:
    """Returns the values that `get` reads from a record, with null for missing keys."""
    return [None if value is _UNSET else value for value in get(record)]


def _decode_mixed(raw: bytes) -> Any:
    """Returns the asset of a record in whose answers some jobs do not have common shapes."""
    asset = _RAW_ANSWERS.decode(raw)
    for label in labels_of(asset):
        if response := label.jsonResponse:
            label.jsonResponse = common_shapes.mixed(response)
    return asset


_SHAPES: Final[tuple[tuple[Callable[[bytes], Any], Callable[[Mapping[str, object]], bool]], ...]] = (
    (msgspec.json.Decoder(_asset_struct(common_shapes.Jobs)).decode, common_shapes.are_jobs),
    (msgspec.json.Decoder(_asset_struct(common_shapes.Frames)).decode, common_shapes.are_frames),
    (_decode_mixed, lambda response: common_shapes.are_frames(response) or common_shapes.are_jobs(response)),
)


def _remove_signatures(asset: Any) -> None:
    """Removes signing parameters from the URLs of an asset and its labels. Their answers contain none."""
    for record in (asset, *labels_of(asset)):
        for name in record.__struct_fields__:
            if name not in _STRUCTURED:
                setattr(record, name, signed_urls.unsigned(getattr(record, name)))


def labels_of(asset: Any) -> list[Any]:
    """Returns the labels of an asset under all keys."""
    labels = (asset.labels or []) + (asset.latestLabels or [])
    return [*labels, asset.latestLabel] if asset.latestLabel else labels


def _may_have_duplicates(asset: Any) -> bool:
    """Whether two labels have the same id, or several keys contain labels."""
    ids = [label.id for label in labels_of(asset) if label.id]
    return len(set(ids)) < len(ids) or sum(map(bool, (asset.labels, asset.latestLabels, asset.latestLabel))) > 1
