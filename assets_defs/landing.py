"""The landing asset: finds export files, and downloads remote ones."""

import logging
from typing import Final

import dagster as dg

from assets_defs import automation
from pipelines.kili.api import pull
from pipelines.landing import cache, discovery, fingerprints
from pipelines.settings import Settings

log = logging.getLogger(__name__)


_RETRIES: Final = dg.RetryPolicy(
    max_retries=3, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)  # for transient errors: a network or a store that does not answer


def exports(listed: list[discovery.FoundExport] | None = None) -> dg.AssetsDefinition:
    """The exports to load. `listed`: the exports in KILI_EXPORTS, if the caller has listed them."""

    @dg.asset(key=["landing", "kili"], group_name="landing", kinds={"file"}, retry_policy=_RETRIES, config_schema={})
    def exports_found(
        context: dg.AssetExecutionContext,
        settings: dg.ResourceParam[Settings],
        warehouse_lock: dg.ResourceParam[None],  # noqa: ARG001
    ) -> dg.MaterializeResult[list[discovery.Landed]]:
        """One export file or folder each, found in KILI_EXPORTS or pulled from Kili (KILI_PULL_PROJECTS).

        Local ones are read in place; remote ones are fetched into the warehouse's landing folder by their content,
        beside those pulled. A run that was not started by hand skips files that are still being written.
        """
        if settings.exports is None and not settings.pull_projects:
            raise dg.Failure(
                "no exports named: set KILI_EXPORTS, a file, folder or glob, or KILI_PULL_PROJECTS, project ids",
                allow_retries=False,
            )
        try:
            waits = automation.WAITS_FOR_WRITERS.items() <= context.run.tags.items()
            found = [*pull.pull_projects(settings), *_found(settings, listed, waits_for_writers=waits)]
        except pull.PullFailed as error:
            raise dg.Failure(str(error), allow_retries=False) from None
        except discovery.NoExport as error:
            raise dg.Failure(str(error), allow_retries="://" in (settings.exports or "")) from None
        urls = "\n".join(f"- `{one.url}`" for one in found[:100])
        return dg.MaterializeResult(value=found, metadata={"exports": len(found), "found": dg.MetadataValue.md(urls)})

    return exports_found


def _found(
    settings: Settings, listed: list[discovery.FoundExport] | None, *, waits_for_writers: bool
) -> list[discovery.Landed]:
    """The exports in KILI_EXPORTS as local files. Raises `NoExport`."""
    if settings.exports is None:
        return []
    lying = discovery.find(settings.exports, settings.warehouse) if listed is None else listed
    if waits_for_writers:
        lying = _settled(lying)
    with cache.opened(settings) as known:
        found = [known.land(one) for one in lying]
    log.info("%d exports found in %s", len(found), settings.exports)
    return found


def _settled(lying: list[discovery.FoundExport]) -> list[discovery.FoundExport]:
    """The exports without unfinished files. Raises `NoExport` if none is left."""
    settled = [one for one in lying if fingerprints.is_settled(one)]
    if not settled:
        raise discovery.NoExport(f"all {len(lying)} exports are still being written: the next run takes them")
    if len(settled) < len(lying):
        log.info("%d exports are still being written: the next run takes them", len(lying) - len(settled))
    return settled
