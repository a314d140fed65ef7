"""Recognises files that are not Kili exports. The texts name the format and the remedy and never quote the file."""

import codecs
from typing import Final

import msgspec

from pipelines.landing import json_records

BEGINNING: Final = 1 << 10
_MAX_ERROR_BYTES: Final = 1 << 16
_AGAIN: Final = "saved in place of the export: download the export again, and check its link and the key"
_LABEL_STUDIO: Final = "a Label Studio export, which this version cannot load: Kili exports are wanted"
_ERROR: Final = f"an error message of a server, {_AGAIN}"
_KILI_KEYS: Final = {
    "externalId",
    "labels",
    "latestLabel",
    "latestLabels",
    "labelType",
    "jsonResponse",
    "labelOf",
    "assetId",
}
_ERROR_KEYS: Final = {
    "error",
    "errors",
    "error_description",
    "message",
    "Message",
    "detail",
    "statusCode",
    "status_code",
}
_TOP_LEVEL: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def identify_document(beginning: bytes) -> str | None:
    """Returns the format of a document that is not JSON in UTF-8, judged by its first bytes, with the remedy."""
    if encoding := json_records.encoding(beginning):
        return encoding
    text = beginning.removeprefix(codecs.BOM_UTF8).lstrip().lower()
    if not text.startswith(b"<"):
        return None
    if b"<html" in text or text.startswith(b"<!doctype html"):
        return f"a web page (HTML), most likely a log-in or error page, {_AGAIN}"
    if b"<error" in text:
        return f"an error message of a storage service (XML), {_AGAIN}"
    return "XML, not JSON: Kili exports are wanted"


def identify_record(raw: bytes, *, is_lone: bool) -> str | None:
    """Returns the format of an object that is not a Kili record, with the remedy.

    `is_lone`: the document contains only this object.
    """
    try:
        keys = _TOP_LEVEL.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    if _is_label_studio(keys):
        return _LABEL_STUDIO
    is_error = not _KILI_KEYS & keys.keys() and ("id" not in keys or {"status_code", "detail"} <= keys.keys())
    return _ERROR if is_lone and is_error and _ERROR_KEYS & keys.keys() and len(raw) < _MAX_ERROR_BYTES else None


def _is_label_studio(keys: dict[str, msgspec.Raw]) -> bool:
    """Whether an object is from Label Studio.

    Covers tasks (also before version 1.0 and for import), single annotations, JSON_MIN, API pages and -info.json.
    """
    names = keys.keys()
    lists = {name for name, value in keys.items() if bytes(memoryview(value)[:1]) == b"["}
    if {"annotation_id", "annotator"} <= names or {"project", "platform", "download"} <= names:
        return True
    if "tasks" in lists and "total" in names:
        return True
    if _KILI_KEYS & names:
        return False
    if "result" in lists:
        return bool({"task", "completed_by", "model_version", "was_cancelled"} & names)
    has_answers = {"annotations", "completions", "predictions", "drafts"} & lists
    return bool(has_answers) and ("data" in names or any(b'"result"' in bytes(keys[name]) for name in has_answers))
