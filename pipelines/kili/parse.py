"""Parses and validates the text of one record: an asset with its labels. Broken labels are returned separately."""

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
    """Returns the validated asset of a record and its broken labels, which the asset does not contain.

    `is_label`: the record is a label that names its asset, as in dumps of `kili.labels`. `location`: the record's JSON
    pointer, for reasons that name a place inside it. Raises `BrokenRecord` if the asset itself cannot be read.
    """
    to_asset, text_keys = (
        (_asset_of_label, export.LABEL_TEXT_KEYS) if is_label else (_unchanged, export.ASSET_TEXT_KEYS)
    )
    broken: list[BrokenLabel] = []
    try:
        asset: Asset = export.ASSET.validate_python(to_asset(_parse_strictly(raw, text_keys, location)))
    except (BrokenRecord, pydantic.ValidationError):
        asset, broken = _salvage_label(raw, location) if is_label else _salvage_asset(raw, location)
    return (signed_urls.unsigned(asset) if signed_urls.may_be_signed(raw) else asset), broken


def split_labels(raw: bytes) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Returns an asset's text with null in place of each label, and the labels' JSON pointers and texts.

    Labels are located by their brackets alone, so a broken label does not affect the others. A JSON pointer occurs
    more than once if its key is repeated.
    """
    pieces, labels, end = [], [], 0
    try:
        for key, (begin, close) in json_records.members(raw):
            name = faults.parse_leniently(b'"%b"' % key)
            if name not in export.LABEL_CONTAINERS:
                continue
            values = json_records.records(io.BytesIO(raw[begin:close]))
            if values.is_list == (name == "latestLabel"):
                continue
            for position, (first, last) in enumerate(values.spans):
                text = raw[begin + first : begin + last]
                if text == b"null" and name == "latestLabels":
                    continue
                labels.append((f"/{name}/{position}" if values.is_list else f"/{name}", text))
                pieces += [raw[end : begin + first], b"null"]
                end = begin + last
    except json_records.NotJson:
        return raw, []
    return b"".join([*pieces, raw[end:]]), labels


def _unchanged(record: Any) -> Any:
    return record


def _asset_of_label(label: Any) -> Any:
    """Returns the asset that a label names, with this label as its only label."""
    if not isinstance(label, dict):
        return label
    label_of = label.get("labelOf")
    asset = label_of if isinstance(label_of, dict) else {}
    asset_id = faults.number_as_text(label.get("assetId")) or faults.number_as_text(asset.get("id"))
    rest = {key: value for key, value in label.items() if key not in ("labelOf", "assetId")}
    return {**_without_labels(asset), "id": asset_id, "labels": [rest]}


def _without_labels(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in export.LABEL_CONTAINERS}


def _salvage_label(raw: bytes, location: str) -> tuple[Asset, list[BrokenLabel]]:
    """Returns the asset that a label names, and the label as broken unless it is valid."""
    try:
        record = _asset_of_label(_parse_strictly(raw, export.LABEL_TEXT_KEYS, location))
        if not isinstance(record, dict):
            raise BrokenRecord(f"a label is a JSON object, this is {faults.json_type(record)}")
        if not record["id"]:
            raise BrokenRecord("the label does not name its asset: assetId or labelOf.id is missing")
        asset = _validate(export.ASSET, _without_labels(record), location)
    except BrokenRecord as error:
        raise BrokenRecord(str(error), _asset_of_label(faults.parse_leniently(raw)), label_count=1) from None
    try:
        return asset | {"labels": [_validate(export.LABEL, record["labels"][0], location)]}, []
    except BrokenRecord as error:
        return asset, [BrokenLabel("", str(error), faults.raw_text(raw))]


def _salvage_asset(raw: bytes, location: str) -> tuple[Asset, list[BrokenLabel]]:
    """Returns the asset with its valid labels, and its broken labels."""
    outside, texts = split_labels(raw)
    record: Any = None
    try:
        record = _parse_strictly(outside, export.ASSET_TEXT_KEYS, location)
        if not isinstance(record, dict):
            raise BrokenRecord(f"an asset is a JSON object, this is {faults.json_type(record)}")
        asset = _validate(export.ASSET, _without_labels(record), location)
        listed = list(_listed_labels(record, dict(texts)))
    except BrokenRecord as error:
        readable = record or faults.parse_leniently(outside)
        raise BrokenRecord(str(error), readable, _label_count(readable, texts)) from None
    broken: list[BrokenLabel] = []
    labels: dict[str, list[Label]] = {}
    for place, text in listed:
        try:
            label = _validate(
                export.LABEL, _parse_strictly(text, export.LABEL_TEXT_KEYS, location + place), location + place
            )
            labels.setdefault(place.split("/")[1], []).append(label)
        except BrokenRecord as error:
            broken.append(BrokenLabel(place, str(error), faults.raw_text(text)))
    by_key: dict[str, Any] = {**labels}
    if "latestLabel" in by_key:
        by_key["latestLabel"] = by_key["latestLabel"][0]
    return asset | by_key, broken


def _listed_labels(record: Mapping[str, Any], texts: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Yields the JSON pointer and the text of each label; `texts` are the texts that `split_labels` located."""
    if "/latestLabel" in texts or record.get("latestLabel") is not None:
        yield "/latestLabel", texts.get("/latestLabel") or canonical_json.dumps(record["latestLabel"])
    for key in ("labels", "latestLabels"):
        labels = record.get(key) or []
        if not isinstance(labels, list):
            raise BrokenRecord(f"{key} should be a list, found {faults.json_type(labels)}")
        for position, label in enumerate(labels):
            place = f"/{key}/{position}"
            text = texts.get(place) or canonical_json.dumps(label)
            if not (text == b"null" and key == "latestLabels"):
                yield place, text


def _label_count(record: Any, texts: list[tuple[str, bytes]]) -> int:
    """Returns the number of labels of an asset, over all repeated keys, with a `latestLabel` that is not an object."""
    has_odd_label = isinstance(record, dict) and record.get("latestLabel") is not None
    return len(texts) + has_odd_label


def _validate(adapter: pydantic.TypeAdapter[Any], value: object, location: str) -> Any:
    try:
        return adapter.validate_python(value)
    except pydantic.ValidationError as error:
        raise BrokenRecord(
            "; ".join(faults.reason(detail, location) for detail in error.errors(include_url=False))
        ) from None


def _parse_strictly(text: bytes, keys: tuple[str, ...], location: str) -> Any:
    """Returns a record's JSON. `keys` hold text. Raises `BrokenRecord` if it is not JSON or an object repeats a key."""
    try:
        record = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BrokenRecord(faults.json_fault(text, error)) from None
    if repeated := repeated_keys.find(text, canonical_json.dumps(record)):
        raise BrokenRecord(faults.repeated_key(*repeated, location))
    return _keep_digits(record, text, keys)


def _keep_digits(record: Any, text: bytes, keys: tuple[str, ...]) -> Any:
    """Returns a record whose text fields keep the digits of numbers that a float rounds."""
    if any(type(part[key]) is float for part, key in _text_fields(record, keys)):
        with suppress(RecursionError):
            written = json.loads(text, parse_float=str, parse_int=str)
            for (part, key), (same, _) in zip(_text_fields(record, keys), _text_fields(written, keys), strict=True):
                part[key] = same[key] if type(part[key]) is float else part[key]
    return record


def _text_fields(record: Any, keys: tuple[str, ...]) -> list[tuple[dict[str, Any], str]]:
    """Returns the text fields, as object and key, of a record and of the labels, authors and assets in it."""
    fields: list[tuple[dict[str, Any], str]] = []
    pending = [(record, keys)]
    for part, text_keys in pending:
        if isinstance(part, list):
            pending += [(item, text_keys) for item in part]
        elif isinstance(part, dict):
            pending += [(part[key], export.TEXT_KEYS_UNDER[key]) for key in export.TEXT_KEYS_UNDER if key in part]
            fields += [(part, key) for key in text_keys if key in part]
    return fields
