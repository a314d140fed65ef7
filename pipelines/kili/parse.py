"""Parses and validates the text of a record. Broken labels are returned apart from the asset."""

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import orjson
import pydantic

from pipelines.kili import canonical_json, export, faults, repeated_keys, signed_urls
from pipelines.kili.export import Asset, Label
from pipelines.kili.faults import BrokenLabel, BrokenRecord
from pipelines.landing import json_records


def read_asset(raw: bytes, *, is_label: bool = False, location: str = "") -> tuple[Asset, list[BrokenLabel]]:
    """The asset of a record's text, and its broken labels.

    `is_label`: the record is a label that names its asset, as in dumps of `kili.labels`. `location`: the record's JSON
    pointer, for reasons that name a place inside it. Raises `BrokenRecord` if the asset itself cannot be read.
    """
    whole, keys = (_asset_of, export.LABEL_TEXTS) if is_label else (_unchanged, export.ASSET_TEXTS)
    broken: list[BrokenLabel] = []
    try:
        asset: Asset = export.ASSET.validate_python(whole(_strict(raw, keys, location)))
    except (BrokenRecord, pydantic.ValidationError):
        asset, broken = _salvaged_label(raw, location) if is_label else _salvaged(raw, location)
    return (signed_urls.unsigned(asset) if signed_urls.may_be_signed(raw) else asset), broken


def shell(raw: bytes) -> tuple[bytes, list[tuple[str, bytes]]]:
    """The text of an asset with null in place of each label, and the JSON pointers and texts of the labels.

    Labels are found by their brackets alone, so a broken label does not affect the others. A pointer is repeated if its
    key is.
    """
    pieces, labels, end = [], [], 0
    try:
        for key, (begin, close) in json_records.members(raw):
            name = faults.lenient(b'"%b"' % key)
            if name not in export.LABEL_CONTAINERS:
                continue
            found = json_records.records(io.BytesIO(raw[begin:close]))
            if found.is_list == (name == "latestLabel"):
                continue
            for position, (first, last) in enumerate(found.spans):
                text = raw[begin + first : begin + last]
                if text == b"null" and name == "latestLabels":
                    continue
                labels.append((f"/{name}/{position}" if found.is_list else f"/{name}", text))
                pieces += [raw[end : begin + first], b"null"]
                end = begin + last
    except json_records.NotJson:
        return raw, []
    return b"".join([*pieces, raw[end:]]), labels


def _unchanged(record: Any) -> Any:
    return record


def _asset_of(label: Any) -> Any:
    """The asset that a label names, holding only this label."""
    if not isinstance(label, dict):
        return label
    named = label.get("labelOf")
    asset = named if isinstance(named, dict) else {}
    asset_id = faults.number_as_text(label.get("assetId")) or faults.number_as_text(asset.get("id"))
    rest = {key: value for key, value in label.items() if key not in ("labelOf", "assetId")}
    return {**_without_labels(asset), "id": asset_id, "labels": [rest]}


def _without_labels(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in export.LABEL_CONTAINERS}


def _salvaged_label(raw: bytes, location: str) -> tuple[Asset, list[BrokenLabel]]:
    """The asset that a broken label names, without the label."""
    try:
        record = _asset_of(_strict(raw, export.LABEL_TEXTS, location))
        if not isinstance(record, dict):
            raise BrokenRecord(f"a label is a JSON object, this is {faults.kind(record)}")
        if not record["id"]:
            raise BrokenRecord("the label does not name its asset: assetId or labelOf.id is missing")
        asset = _valid(export.ASSET, _without_labels(record), location)
    except BrokenRecord as error:
        raise BrokenRecord(str(error), _asset_of(faults.lenient(raw)), label_count=1) from None
    try:
        return asset | {"labels": [_valid(export.LABEL, record["labels"][0], location)]}, []
    except BrokenRecord as error:
        return asset, [BrokenLabel("", str(error), faults.raw_text(raw))]


def _salvaged(raw: bytes, location: str) -> tuple[Asset, list[BrokenLabel]]:
    """The asset without the labels that cannot be read."""
    outside, texts = shell(raw)
    record: Any = None
    try:
        record = _strict(outside, export.ASSET_TEXTS, location)
        if not isinstance(record, dict):
            raise BrokenRecord(f"an asset is a JSON object, this is {faults.kind(record)}")
        asset = _valid(export.ASSET, _without_labels(record), location)
        listed = list(_listed_labels(record, dict(texts)))
    except BrokenRecord as error:
        named = record or faults.lenient(outside)
        raise BrokenRecord(str(error), named, _label_count(named, texts)) from None
    broken: list[BrokenLabel] = []
    labels: dict[str, list[Label]] = {}
    for place, text in listed:
        try:
            label = _valid(export.LABEL, _strict(text, export.LABEL_TEXTS, location + place), location + place)
            labels.setdefault(place.split("/")[1], []).append(label)
        except BrokenRecord as error:
            broken.append(BrokenLabel(place, str(error), faults.raw_text(text)))
    found: dict[str, Any] = {**labels}
    if "latestLabel" in found:
        found["latestLabel"] = found["latestLabel"][0]
    return asset | found, broken


def _listed_labels(record: Mapping[str, Any], texts: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Yields the JSON pointer and text of each label."""
    if "/latestLabel" in texts or record.get("latestLabel") is not None:
        yield "/latestLabel", texts.get("/latestLabel") or canonical_json.dumps(record["latestLabel"])
    for key in ("labels", "latestLabels"):
        labels = record.get(key) or []
        if not isinstance(labels, list):
            raise BrokenRecord(f"{key} should be a list, found {faults.kind(labels)}")
        for position, label in enumerate(labels):
            place = f"/{key}/{position}"
            text = texts.get(place) or canonical_json.dumps(label)
            if not (text == b"null" and key == "latestLabels"):
                yield place, text


def _label_count(record: Any, texts: list[tuple[str, bytes]]) -> int:
    """The number of labels, in repeated lists too; a `latestLabel` that is no object counts as one."""
    is_odd = isinstance(record, dict) and record.get("latestLabel") is not None
    return len(texts) + is_odd


def _valid(adapter: pydantic.TypeAdapter[Any], value: object, location: str) -> Any:
    try:
        return adapter.validate_python(value)
    except pydantic.ValidationError as error:
        raise BrokenRecord(
            "; ".join(faults.reason(detail, location) for detail in error.errors(include_url=False))
        ) from None


def _strict(text: bytes, keys: tuple[str, ...], location: str) -> Any:
    """The JSON value of a record. `keys` hold texts. Raises `BrokenRecord` if it is no JSON or repeats a key."""
    try:
        record = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BrokenRecord(faults.json_fault(text, error)) from None
    if repeated := repeated_keys.find(text, canonical_json.dumps(record)):
        raise BrokenRecord(faults.repeated(*repeated, location))
    return _with_digits(record, text, keys)


def _with_digits(record: Any, text: bytes, keys: tuple[str, ...]) -> Any:
    """The record with numbers as they are written, wherever a text is expected."""
    if any(type(part[key]) is float for part, key in _texts(record, keys)):
        with suppress(RecursionError):
            written = json.loads(text, parse_float=str, parse_int=str)
            for (part, key), (same, _) in zip(_texts(record, keys), _texts(written, keys), strict=True):
                part[key] = same[key] if type(part[key]) is float else part[key]
    return record


def _texts(record: Any, keys: tuple[str, ...]) -> list[tuple[dict[str, Any], str]]:
    """The objects and keys where texts are expected, in a record and in its labels, authors and assets."""
    texts: list[tuple[dict[str, Any], str]] = []
    waiting = [(record, keys)]
    for part, its_keys in waiting:
        if isinstance(part, list):
            waiting += [(one, its_keys) for one in part]
        elif isinstance(part, dict):
            waiting += [(part[key], export.TEXTS_UNDER[key]) for key in export.TEXTS_UNDER if key in part]
            texts += [(part, key) for key in its_keys if key in part]
    return texts
