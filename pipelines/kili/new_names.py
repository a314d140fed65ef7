"""Finds names that are new in a project: keys, jobs, kinds, statuses, label types. Kili adds some in every release."""

from pathlib import Path
from typing import Final, NamedTuple

from pipelines.loading import database


class NewName(NamedTuple):
    """A name that is new in a project: `what` it names, and how many rows of the load contain it."""

    project_id: str | None
    what: str
    name: str
    times: int


_NAMES: Final = """
    with projects as (
        select sightings.asset_id, max(coalesce(assets.project_id, exports.project_id)) as project_id
        from kili.sightings
        join kili.exports using (export_id)
        join kili.assets using (asset_id, asset_version)
        group by sightings.asset_id
    ),
    occurrences as (
        select asset_id, _dlt_load_id, 'key of an asset' as what, unnest(json_keys(extra)) as name from kili.assets
        union all
        select asset_id, _dlt_load_id, 'key of a label', unnest(json_keys(extra)) from kili.labels
        union all
        select asset_id, _dlt_load_id, 'status', status from kili.assets where status is not null
        union all
        select asset_id, _dlt_load_id, 'label type', label_type from kili.labels
        union all
        select asset_id, _dlt_load_id, 'job', job_name from kili.annotations
        union all
        select asset_id, _dlt_load_id, 'kind', kind from kili.annotations
    ),
    named as (
        select project_id, what, name, min(_dlt_load_id) as first_load_id,
            count(*) filter (where _dlt_load_id = $load_id) as load_count
        from occurrences join projects using (asset_id)
        group by project_id, what, name
    )
"""
_NEW: Final = f"""
    {_NAMES}
    select project_id, what, name, load_count
    from named
    where first_load_id = $load_id and exists (
        select 1 from named as earlier
        where earlier.project_id is not distinct from named.project_id and earlier.first_load_id < $load_id
    )
    order by all"""
_UNKNOWN: Final = f"""
    {_NAMES}
    select null, what, name, sum(load_count)
    from named
    where load_count > 0 and (what like 'key of %' or (what = 'kind' and name = 'unknown'))
    group by what, name
    order by all"""


def find_new(file: Path, load_id: str) -> list[NewName]:
    """Returns the names of a load that are new in a project. A project's first load has no new names."""
    return _query(file, _NEW, load_id)


def find_unknown(file: Path, load_id: str) -> list[NewName]:
    """Returns the keys without a column, and the kind `unknown`, with the number of a load's rows for each."""
    return _query(file, _UNKNOWN, load_id)


def _query(file: Path, query: str, load_id: str) -> list[NewName]:
    with database.reading(file) as db:
        return [NewName(*row) for row in db.execute(query, {"load_id": load_id}).fetchall()]
