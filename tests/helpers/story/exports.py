"""The story's exports: what an API dump of the project holds at the end of each of the last weeks."""

import json
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from helpers.story import cast
from helpers.story.answers import Answer, Vessel
from helpers.story.project import Asset, Label, Project

Object = dict[str, Any]

PROJECT_ID = "cmgharbour0000000000000000"
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_README = """Exported Labels from KILI
=========================

- Project name: Harbour cameras
- Project identifier: {project_id}
- Project description: A made-up project: vessels and weather in pictures of a harbour
- Export date: {at:%Y%m%d-%H%M%S}
- Exported format: kili
- Exported labels: normal
"""
_CAMERAS = ("north-pier", "lock", "fish-quay")


def write(folder: Path) -> None:
    """Writes the exports, always the same bytes."""
    for at, assets in _weeks():
        entries = {"README.kili.txt": _README.format(project_id=PROJECT_ID, at=at), "data.json": _text(assets)}
        with zipfile.ZipFile(folder / f"harbour_{at:%Y%m%d}.zip", "w") as archive:
            for name, text in entries.items():
                entry = zipfile.ZipInfo(name, _ZIP_TIME)
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, text, compresslevel=9)


def _weeks() -> Iterator[tuple[datetime, list[Object]]]:
    project = Project()
    for week, at in enumerate(project.weeks()):
        if week >= cast.WEEKS - cast.EXPORTS:
            yield at, [_asset(asset) for asset in project.assets]


def _asset(asset: Asset) -> Object:
    camera = _CAMERAS[asset.number % len(_CAMERAS)]
    work = [label for label in asset.labels if label.label_type == "DEFAULT"]
    return {
        "id": asset.id,
        "externalId": f"{camera}_{asset.number:04}.jpg",
        "content": f"https://images.example.org/harbour/{camera}/{asset.number:04}.jpg",
        "jsonMetadata": {"camera": camera},
        "status": _status(asset),
        "isHoneypot": asset.role == "honeypot",
        "isUsedForConsensus": asset.role == "consensus",
        "skipped": bool(work) and work[-1].answer is None,
        "createdAt": _time(asset.created_at),
        "updatedAt": _time(asset.labels[-1].created_at),
        "resolution": {"width": 1920, "height": 1080},
        "labels": [_label(asset, label) for label in asset.labels],
    }


def _status(asset: Asset) -> str:
    work, review = asset.latest("DEFAULT"), asset.latest("REVIEW")
    if not work:
        return "ONGOING" if any(label.label_type == "DEFAULT" for label in asset.labels) else "TODO"
    authors = {label.author.id for label in asset.labels if label.label_type == "DEFAULT" and label.answer}
    if work.is_sent_back or len(authors) < cast.ANNOTATOR_COUNT[asset.role]:
        return "ONGOING"
    return "REVIEWED" if review and review.created_at > work.created_at else "LABELED"


def _label(asset: Asset, label: Label) -> Object:
    return {
        "id": label.id,
        "author": {
            "id": label.author.id,
            "email": label.author.email,
            "firstname": label.author.first_name,
            "lastname": label.author.last_name,
        },
        "labelType": label.label_type,
        "modelName": label.model_name,
        "createdAt": _time(label.created_at),
        "isHoneypot": label.is_honeypot,
        "isSentBackToQueue": label.is_sent_back,
        "skipped": label.answer is None,
        "isLatestLabelForUser": _is_latest(asset, label, None),
        **{
            f"isLatest{name}LabelForUser": _is_latest(asset, label, name.upper())
            for name in ("Default", "Review", "Prediction")
        },
        "secondsToLabel": round(label.seconds, 1),
        "totalSecondsToLabel": round(sum(other.seconds for other in asset.labels)),
        "numberOfAnnotations": 2 + 2 * len(label.answer.vessels) if label.answer else 0,
        "jsonResponse": _answer(label.answer, label.model_name is not None) if label.answer else {},
    }


def _is_latest(asset: Asset, label: Label, label_type: str | None) -> bool:
    """Whether it is its author's latest label on the asset, of a type or of all."""
    same = [other for other in asset.labels if other.author == label.author and label_type in (None, other.label_type)]
    return bool(same) and same[-1] is label


def _answer(answer: Answer, is_predicted: bool) -> Object:
    return {
        "SEA_STATE": _category(answer.sea_state, 88 if is_predicted else 100),
        "VISIBILITY": _category(answer.visibility, 91 if is_predicted else 100),
        "VESSELS": {"annotations": [_annotation(vessel, is_predicted) for vessel in answer.vessels]},
    }


def _annotation(vessel: Vessel, is_predicted: bool) -> Object:
    left, top, right, bottom = (edge / 1000 for edge in vessel.box)
    corners = ((left, bottom), (left, top), (right, top), (right, bottom))
    confidence = 60 + int(vessel.mid[-2:].lstrip("-")) % 40 if is_predicted else 100
    return {
        "mid": vessel.mid,
        "type": "rectangle",
        "boundingPoly": [{"normalizedVertices": [{"x": x, "y": y} for x, y in corners]}],
        **_category(vessel.category, confidence),
        "children": {"MOTION": _category(vessel.motion, confidence)},
    }


def _category(name: str, confidence: int) -> Object:
    return {"categories": [{"name": name, "confidence": confidence}]}


def _time(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(assets: list[Object]) -> str:
    return json.dumps(assets, sort_keys=True, separators=(",", ":"))
