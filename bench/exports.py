"""Seeded exports like Kili's, of a chosen size: images with mixed jobs, a video, many small files."""

import random
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson

Object = dict[str, Any]

BYTES_PER_ASSET: Final = 7_770
_BEGINNING: Final = datetime(2025, 1, 1, tzinfo=UTC)
_CATEGORIES: Final = ("CAR", "TRUCK", "BUS", "PERSON", "BIKE", "DOG")
_TYPES: Final = ("DEFAULT", "REVIEW", "PREDICTION")
_README: Final = (
    b"Exported Labels from KILI\n- Project name: bench\n- Project identifier: p1\n- Export date: 20260101-000000\n"
)


def images(megabytes: float, seed: int = 0, is_changed: bool = False) -> Iterator[Object]:
    """Assets with one to five labels: a category, up to ten boxes, a text, and sometimes entities.

    `is_changed`: one asset in a hundred says something else.
    """
    rng = random.Random(seed)
    for number in range(round(megabytes * 1e6 / BYTES_PER_ASSET)):
        labels = [_label(rng, _BEGINNING + timedelta(seconds=7 * number + 60 * n)) for n in range(rng.randint(1, 5))]
        if is_changed and number % 100 == 0:
            labels[0]["jsonResponse"]["TRANSCRIPTION_JOB"] = {"text": "changed"}
        yield {
            "id": f"a{rng.getrandbits(96):024x}",
            "externalId": f"asset {number}",
            "content": f"https://storage.example.com/{number}.jpg",
            "jsonMetadata": {"k": number, "split": "train"},
            "status": "LABELED",
            "isHoneypot": False,
            "isUsedForConsensus": False,
            "honeypotMark": None,
            "consensusMark": None,
            "totalSecondsToLabel": 100,
            "updatedAt": "2025-01-01T00:00:00Z",
            "labels": labels,
        }


def video(frames: int, objects: int, seed: int = 0) -> Iterator[Object]:
    """One asset: in each frame as many tracked boxes, one in ten drawn by hand; counted in the first, as Kili does."""
    rng = random.Random(seed)
    mids = [_mid(rng) for _ in range(objects)]
    label = _label(rng, _BEGINNING) | {"labelType": "DEFAULT"}
    label["jsonResponse"] = {
        str(frame): {
            "BOX": {"annotations": [_box(rng, mid) | {"isKeyFrame": frame % 10 == 0, "children": {}} for mid in mids]}
        }
        for frame in range(frames)
    }
    counted = {"ANNOTATION_JOB_COUNTER": {"BOX": {"CAR": objects}}, "ANNOTATION_NAMES_JOB": dict.fromkeys(mids, "CAR")}
    label["jsonResponse"]["0"] |= counted
    yield {"id": "v1", "externalId": "video", "content": "https://storage.example.com/v.mp4", "labels": [label]}


def to_file(assets: Iterable[Object], path: Path) -> None:
    """One bare JSON list."""
    with path.open("wb") as file:
        for number, asset in enumerate(assets):
            file.write((b",\n" if number else b"[") + orjson.dumps(asset))
        file.write(b"]")


def to_folder(assets: Iterable[Object], path: Path) -> None:
    """A folder with a README and a file for each asset."""
    (path / "labels").mkdir(parents=True)
    (path / "README.kili.txt").write_bytes(_README)
    for asset in assets:
        (path / "labels" / f"{asset['id']}.json").write_bytes(orjson.dumps(asset))


def to_zip(assets: Iterable[Object], path: Path) -> None:
    """The same, zipped."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("README.kili.txt", _README)
        for asset in assets:
            archive.writestr(f"labels/{asset['id']}.json", orjson.dumps(asset))


def _label(rng: random.Random, created_at: datetime) -> Object:
    author = rng.randrange(40)
    kind = rng.choices(_TYPES, [6, 3, 1])[0]
    return {
        "id": f"l{rng.getrandbits(96):024x}",
        "author": {"id": f"user-{author}", "email": f"u{author}@example.com", "firstname": "F", "lastname": "L"},
        "labelType": kind,
        "createdAt": created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "isLatestLabelForUser": True,
        "isLatestReviewLabelForUser": False,
        "isSentBackToQueue": False,
        "skipped": False,
        "secondsToLabel": rng.randint(3, 400),
        "consensusMark": None,
        "honeypotMark": None,
        "modelName": "m-1" if kind == "PREDICTION" else None,
        "jsonResponse": _answer(rng),
    }


def _answer(rng: random.Random) -> Object:
    answer: Object = {
        "CLASSIFICATION_JOB": {"categories": [{"name": rng.choice(_CATEGORIES), "confidence": 100}]},
        "OBJECT_DETECTION_JOB": {
            "annotations": [_box(rng, _mid(rng)) | {"children": {}} for _ in range(rng.randint(0, 10))]
        },
        "TRANSCRIPTION_JOB": {"text": f"lorem ipsum dolor {rng.randint(0, 1000)}"},
    }
    if rng.random() < 0.3:
        answer["NER_JOB"] = {"annotations": [_entity(rng, begin) for begin in range(0, rng.randint(1, 60), 12)]}
    return answer


def _box(rng: random.Random, mid: str) -> Object:
    x, y, width, height = rng.random() * 0.8, rng.random() * 0.8, rng.random() * 0.2, rng.random() * 0.2
    corners = ((x, y), (x, y + height), (x + width, y + height), (x + width, y))
    return {
        "mid": mid,
        "type": "rectangle",
        "boundingPoly": [{"normalizedVertices": [{"x": a, "y": b} for a, b in corners]}],
        "categories": [{"name": rng.choice(_CATEGORIES), "confidence": rng.randint(50, 100)}],
    }


def _entity(rng: random.Random, begin: int) -> Object:
    return {
        "mid": _mid(rng),
        "beginOffset": begin,
        "endOffset": begin + 8,
        "content": "abcdefgh",
        "categories": [{"name": rng.choice(("ORG", "PER", "LOC")), "confidence": 100}],
    }


def _mid(rng: random.Random) -> str:
    return f"{rng.getrandbits(128):032x}"
