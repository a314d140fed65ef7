"""Recognises files of other formats, and says what to do. The texts never quote the files."""

import codecs
from typing import Final

import msgspec

from pipelines.landing import json_records

BEGINNING: Final = 1 << 10
_LONGEST_ERROR: Final = 1 << 16
_AGAIN: Final = "saved in place of the export: download the export again, and check its link and the key"
_LABEL_STUDIO: Final = "a Label Studio export, which this version cannot load: Kili exports are wanted"
_ERROR: Final = f"an error message of a server, {_AGAIN}"
_OF_KILI: Final = {
    "externalId",
    "labels",
    "latestLabel",
    "latestLabels",
    "labelType",
    "jsonResponse",
    "labelOf",
    "assetId",
}
_SAYS_ERROR: Final = {
    "error",
    "errors",
    "error_description",
    "message",
    "Message",
    "detail",
    "statusCode",
    "status_code",
}
_KEYS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def document(beginning: bytes) -> str | None:
    """The format of a document that is no UTF-8 JSON, with advice, judged by its first bytes; null if it may be."""
    if found := json_records.encoding(beginning):
        return found
    text = beginning.removeprefix(codecs.BOM_UTF8).lstrip().lower()
    if not text.startswith(b"<"):
        return None
    if b"<html" in text or text.startswith(b"<!doctype html"):
        return f"a web page (HTML), most likely a log-in or error page, {_AGAIN}"
    if b"<error" in text:
        return f"an error message of a storage service (XML), {_AGAIN}"
    return "XML, not JSON: Kili exports are wanted"


def record(raw: bytes, *, is_lone: bool) -> str | None:
    """The format of an object that is no Kili record, with advice. `is_lone`: it is the whole document."""
    try:
        keys = _KEYS.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    if _is_of_label_studio(keys):
        return _LABEL_STUDIO
    is_error = not _OF_KILI & keys.keys() and ("id" not in keys or {"status_code", "detail"} <= keys.keys())
    return _ERROR if is_lone and is_error and _SAYS_ERROR & keys.keys() and len(raw) < _LONGEST_ERROR else None


def _is_of_label_studio(keys: dict[str, msgspec.Raw]) -> bool:
    """Tasks, also as written before 1.0 and for import; annotations alone, JSON_MIN, pages of its API, -info.json."""
    names = keys.keys()
    lists = {name for name, value in keys.items() if bytes(memoryview(value)[:1]) == b"["}
    if {"annotation_id", "annotator"} <= names or {"project", "platform", "download"} <= names:
        return True
    if "tasks" in lists and "total" in names:
        return True
    if _OF_KILI & names:
        return False
    if "result" in lists:
        return bool({"task", "completed_by", "model_version", "was_cancelled"} & names)
    has_answers = {"annotations", "completions", "predictions", "drafts"} & lists
    return bool(has_answers) and ("data" in names or any(b'"result"' in bytes(keys[name]) for name in has_answers))
