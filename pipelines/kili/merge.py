"""Merges all records of one asset in an export into one asset."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pipelines.kili import canonical_json, export


def merge_records(records: list[export.Asset]) -> tuple[export.Asset, int]:
    """Returns one asset from all its records in an export, and the number of duplicate labels. Later values win."""
    lists = [labels for record in records for labels in export.label_lists(record)]
    labels = _merge_labels(lists)
    duplicates = sum(map(len, lists)) - len(labels)
    if len(records) == 1 and not duplicates:
        return records[0], 0
    merged: dict[str, Any] = {}
    for record in records:
        merged = _overlay(merged, record)
    merged = {key: value for key, value in merged.items() if key not in export.LABEL_CONTAINERS}
    return merged | {"labels": labels}, duplicates


def _merge_labels(lists: list[list[export.Label]]) -> list[export.Label]:
    """Returns each label once.

    Labels with the same id are one label. Labels without an id are one label if several lists contain the same text.
    """
    labels: list[export.Label] = []
    positions: dict[str, int] = {}
    known: Counter[bytes] = Counter()
    for current in lists:
        counts: Counter[bytes] = Counter()
        for label in current:
            if label_id := label.get("id"):
                position = positions.setdefault(label_id, len(labels))
                if position < len(labels):
                    labels[position] = _merge_label(labels[position], label)
                    continue
            elif len(lists) > 1:
                text = canonical_json.dumps(label)
                counts[text] += 1
                if counts[text] <= known[text]:
                    continue
                known[text] += 1
            labels.append(label)
    return labels


def _merge_label(earlier: export.Label, later: export.Label) -> export.Label:
    """Returns one label from two. Later values win, but an empty answer does not replace an earlier answer."""
    merged = _overlay(earlier, later)
    if (author := earlier.get("author")) and (later_author := later.get("author")):
        merged["author"] = _overlay(author, later_author)
    if (response := earlier.get("jsonResponse")) and not later.get("jsonResponse"):
        merged["jsonResponse"] = response
    return merged


def _overlay(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the later values, and the earlier values of keys whose later value is null or missing."""
    return {**earlier, **{key: value for key, value in later.items() if value is not None}}
