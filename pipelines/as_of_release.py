"""Publishes the marts as they were at a time, in a folder of their own. The warehouse stays as it is."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pipelines import preflight
from pipelines import setting_forms as forms
from pipelines.comparison import known_results, method
from pipelines.comparison import load as comparison_load
from pipelines.loading import database, lock
from pipelines.publishing import contents, data_dictionary_page
from pipelines.publishing import release as releases
from pipelines.settings import BadSetting, Settings
from pipelines.transform import build, project

log = logging.getLogger(__name__)

_PATIENCE: Final = 600  # seconds
_SCHEMAS: Final = ("staging", "intermediate", "marts")


def parse_time(text: str) -> datetime:
    """The time that a text names, in UTC, where it names no other zone. Raises `BadSetting`."""
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        shown = forms.shortened(text)
        raise BadSetting(f"TIME must be a UTC time such as `2026-11-09T12:00:00Z`, got `{shown}`") from None


def publish(chosen: Settings, time: datetime, into: Path) -> releases.Release:
    """Builds every mart of the warehouse as of a time, and publishes them in the folder `into`.

    Waits up to ten minutes for a process that writes to the warehouse. Raises `BadSetting`, `NoWarehouse`,
    `WarehouseLocked`, `Outdated`, `BrokenModels`.
    """
    target = _target(chosen, into)
    if not chosen.database.exists():
        raise contents.NoWarehouse(f"no warehouse in {chosen.warehouse}: kili-warehouse run creates one")
    with lock.held(chosen, _PATIENCE), lock.held(target):
        target.as_of_marker.touch()
        preflight.check_columns(chosen)
        _drop_models(target.database)
        log.info("dbt builds and tests the models as of %s", time.isoformat())
        models = build.AsOf(target, chosen.database, time)
        models.before_comparison()
        known_results.copy(target.database, chosen.database, method.from_settings(target))
        load = comparison_load.load(target)
        log.info("compared %d pairs of labels, %d in all", load.new_row_counts["pairs"], load.row_counts["pairs"])
        models.after_comparison()
        digest = project.models_digest()
        dictionary = data_dictionary_page.path(target.database, target.dbt, digest)
        release = releases.publish(target.warehouse, target.database, digest, time.isoformat(), dictionary)
    log.info("published %s", release.id)
    return release


def _target(chosen: Settings, into: Path) -> Settings:
    """The settings for an as-of folder. Raises `BadSetting` if it is part of the warehouse, or holds anything else."""
    try:
        folder = forms.folder(into)
        target = chosen.model_copy(update={"warehouse": folder})
        if folder.is_relative_to(chosen.warehouse):
            raise ValueError("it is in the warehouse")
        if folder.exists() and any(folder.iterdir()) and not target.as_of_marker.exists():
            raise ValueError("it holds other files")
    except (ValueError, OSError) as error:
        shown, reason = forms.shortened(into), error.strerror if isinstance(error, OSError) else error
        raise BadSetting(f"DIR must be an empty, new or former as-of folder, got `{shown}`: {reason}") from None
    return target


def _drop_models(file: Path) -> None:
    """Removes what an earlier as-of built. Its comparisons stay, to be used again."""
    with database.writing(file) as db:
        for schema in _SCHEMAS:
            db.execute(f"drop schema if exists {schema} cascade")
