"""The levels of an answer whose keys are jobs: the answer itself, or the frames and the asset level of a video."""

from collections.abc import Mapping
from typing import Any, Final

from pipelines.kili.annotations import common_shapes

Object = Mapping[str, Any]

FILTERED_OUT: Final[dict[str, Any]] = {}
"""Replaces an annotation that was filtered out, so that the others keep their positions. Compare by identity."""
RESERVED: Final = frozenset({"ROTATION_JOB", "ANNOTATION_JOB_COUNTER", "ANNOTATION_NAMES_JOB"})
"""Keys of an answer that are not jobs."""
_ASSET_LEVEL: Final = "assetLevel"


def levels(response: Object) -> list[tuple[str, Object, int | None]]:
    """Returns each level of an answer: its JSON pointer, its jobs, and its frame (null for the whole asset)."""
    if common_shapes.are_jobs(response):
        return [("", response, None)]
    jobs = {name: answer for name, answer in response.items() if name not in RESERVED}
    asset_level = jobs.pop(_ASSET_LEVEL, None)
    result: list[tuple[str, Object, int | None]] = []
    if jobs and _are_frames(jobs):
        result += [(f"/{frame}", answers, int(frame)) for frame, answers in jobs.items()]
    else:
        result.append(("", jobs, None))
    if isinstance(asset_level, dict):
        result.append((f"/{_ASSET_LEVEL}", asset_level, None))
    elif asset_level is not None:
        result.append(("", {_ASSET_LEVEL: asset_level}, None))
    return result


def job_names(response: Object) -> set[str]:
    """Returns the names of the jobs at the levels of an answer, including jobs without content."""
    names = {name for _, jobs, _ in levels(response) for name, answer in jobs.items() if answer is not None}
    return names - RESERVED


def without_interpolated(response: Object) -> Object:
    """Returns a video's answer without interpolated annotations, and any other answer unchanged.

    The other annotations keep their positions, so their rows keep their keys.
    """
    frames = {name: jobs for name, jobs in response.items() if name not in RESERVED and name != _ASSET_LEVEL}
    if not frames or not _are_frames(frames):
        return response
    filtered = {frame: {name: _key_frame(answer) for name, answer in jobs.items()} for frame, jobs in frames.items()}
    return {**response, **filtered}


def _are_frames(jobs: Object) -> bool:
    return all(common_shapes.is_frame(name) and isinstance(answers, dict) for name, answers in jobs.items())


def _key_frame(answer: Any) -> Any:
    answer = common_shapes.to_json_value(answer) if isinstance(answer, common_shapes.Job) else answer
    if not isinstance(answer, dict):
        return answer
    if answer.get("isKeyFrame") is False:
        return None
    annotations = answer.get("annotations")
    if not isinstance(annotations, list):
        return answer
    kept = [FILTERED_OUT if _is_interpolated(annotation) else annotation for annotation in annotations]
    return {**answer, "annotations": kept}


def _is_interpolated(annotation: Any) -> bool:
    return isinstance(annotation, dict) and annotation.get("isKeyFrame") is False
