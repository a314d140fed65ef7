"""The job that publishes the marts as they were at a time."""

from typing import Final

import dagster as dg
from pydantic import Field

from assets_defs import write_lock
from pipelines import as_of_release, preflight
from pipelines.loading import lock
from pipelines.publishing import contents
from pipelines.settings import BadSetting, Settings
from pipelines.transform import project

_FOLDER: Final = "%Y%m%dT%H%M%S.%fZ"


class Time(dg.Config):
    """The only value that a launch request can set."""

    time: str = Field(description="UTC time such as 2026-11-09T12:00:00Z")


@dg.op(pool=write_lock.POOL)
def publish_as_of(
    config: Time,
    settings: dg.ResourceParam[Settings],
    warehouse_lock: dg.ResourceParam[None],  # noqa: ARG001
) -> None:
    """Builds every mart as of a time, and publishes them in a folder of that time in KILI_AS_OF_FOLDER."""
    if settings.as_of_folder is None:
        raise dg.Failure("KILI_AS_OF_FOLDER is not set: it names the folder to publish in", allow_retries=False)
    try:
        time = as_of_release.parse_time(config.time)
        as_of_release.publish(settings, time, settings.as_of_folder / f"{time:{_FOLDER}}")
    except (
        BadSetting,
        contents.NoWarehouse,
        lock.WarehouseLocked,
        preflight.Outdated,
        project.BrokenModels,
    ) as error:
        raise dg.Failure(str(error), allow_retries=False) from None


@dg.job(description="Publishes the marts as they were at a UTC time, in a folder of KILI_AS_OF_FOLDER.")
def as_of() -> None:
    """One op: `pipelines.as_of_release` does the work, in the order of the whole job."""
    publish_as_of()
