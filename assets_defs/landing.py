"""The landing place: where export files are found, and fetched if they are remote."""

import logging

import dagster as dg

from pipelines import landing
from pipelines.pulling import archives
from pipelines.settings import Settings

log = logging.getLogger(__name__)


@dg.asset(key=["landing", "kili"], group_name="landing", kinds={"file"})
def exports_found(
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult[list[landing.Landed]]:
    """One export file or folder each, found in KILI_EXPORTS or pulled from Kili (KILI_PULL_PROJECTS).

    Local ones are read in place; remote ones are fetched into the warehouse's landing folder by their content, beside
    those pulled.
    """
    if settings.exports is None and settings.pull is None:
        raise dg.Failure(
            "no exports named: set KILI_EXPORTS, a file, folder or glob, or KILI_PULL_PROJECTS, project ids"
        )
    try:
        found = [*archives.pulled(settings), *_found(settings)]
    except (landing.NoExport, archives.PullFailed) as error:
        raise dg.Failure(str(error)) from None
    listed = "\n".join(f"- `{one.url}`" for one in found[:100])
    return dg.MaterializeResult(value=found, metadata={"exports": len(found), "found": dg.MetadataValue.md(listed)})


def _found(settings: Settings) -> list[landing.Landed]:
    if settings.exports is None:
        return []
    places = landing.find(settings.exports, settings.warehouse)
    found = [landing.land(one, settings.work / "landing") for one in places]
    log.info("%d exports found in %s", len(found), settings.exports)
    return found
