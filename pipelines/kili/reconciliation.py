"""Audits a load: compares the ledger's counts with the rows in the warehouse and with earlier exports."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from pipelines.kili import records
from pipelines.loading import database, tables

_MIN_EARLIER_EXPORTS: Final = 3
_MAX_EARLIER_EXPORTS: Final = 10
_VOLUME_FACTOR: Final = 2
_RECENT_LOADS: Final = 12


class Balance(NamedTuple):
    """The counts of an export in the ledger beside the counts of its rows in the warehouse.

    `loaded_assets` and `held_labels` are counted from the rows. Held labels belong to loaded or unchanged assets.
    `missing_…` are records of the ledger without a row, reject or duplicate; a negative number counts surplus rows.
    """

    file_url: str
    assets: int
    loaded_assets: int
    unchanged_assets: int
    duplicate_assets: int
    rejected_assets: int
    missing_assets: int
    labels: int
    held_labels: int
    duplicate_labels: int
    rejected_labels: int
    missing_labels: int
    missing_rejects: int

    @property
    def is_balanced(self) -> bool:
        """Whether every record is accounted for."""
        return not (self.missing_assets or self.missing_labels or self.missing_rejects)


class RejectedShare(NamedTuple):
    """An export of the newest load: the number of its assets and labels, and the rejected share of them.

    The share is 1 if the whole export was rejected.
    """

    file_url: str
    records: int
    rejected: int
    rejected_share: float


class Volume(NamedTuple):
    """An export with far fewer or far more assets or labels than similar earlier exports.

    `what`: assets or labels; `loaded`: their number.
    """

    file_url: str
    what: str
    loaded: int
    least_before: int
    greatest_before: int


class Drift(NamedTuple):
    """A column whose declared SQL type differs from the warehouse. A type is empty if there is no such column."""

    table: str
    column: str
    declared: str
    loaded: str


class LoadTotals(NamedTuple):
    """The assets and labels in the exports of one load, and how many of them were rejected."""

    loaded_at: datetime
    assets: int
    labels: int
    rejected: int


_BALANCES: Final = """
    with label_counts as (
        select asset_id, asset_version, count(*) as label_count from kili.labels group by all
    ),
    versions as (
        select asset_id, asset_version, true as is_there from kili.assets
    ),
    held as (
        select export_id, _dlt_load_id, count(is_there) as held_assets,
            coalesce(sum(label_count), 0)::bigint as held_labels
        from kili.sightings
        left join versions using (asset_id, asset_version)
        left join label_counts using (asset_id, asset_version)
        group by export_id, _dlt_load_id
    ),
    refused as (
        select export_id, _dlt_load_id, count(*) as reject_count from kili.rejects group by all
    ),
    counted as (
        select coalesce(file_url, 'an export without a row in kili.exports') as file_url,
            coalesce(asset_count, 0) as assets, coalesce(unchanged_asset_count, 0) as unchanged_assets,
            coalesce(duplicate_asset_count, 0) as duplicate_assets,
            coalesce(rejected_asset_count, 0) as rejected_assets, coalesce(label_count, 0) as labels,
            coalesce(duplicate_label_count, 0) as duplicate_labels,
            coalesce(rejected_label_count, 0) as rejected_labels, coalesce(held_assets, 0) as held_assets,
            coalesce(held_labels, 0) as held_labels,
            greatest(rejected_assets, least(rejected_labels, 1), coalesce(is_rejected, false)::bigint)
                - coalesce(reject_count, 0) as missing_rejects,
            _dlt_load_id
        from kili.exports
        full join held using (export_id, _dlt_load_id)
        left join refused using (export_id, _dlt_load_id)
    )
    select file_url, assets, held_assets - unchanged_assets, unchanged_assets, duplicate_assets, rejected_assets,
        assets - held_assets - duplicate_assets - rejected_assets as missing_assets,
        labels, held_labels, duplicate_labels, rejected_labels,
        labels - held_labels - duplicate_labels - rejected_labels as missing_labels,
        greatest(missing_rejects, 0) as missing_rejects
    from counted
    order by missing_assets = 0 and missing_labels = 0 and missing_rejects <= 0, _dlt_load_id desc, file_url"""
_NEWEST: Final = "_dlt_load_id = (select max(_dlt_load_id) from kili.exports)"
_REJECTED_SHARES: Final = f"""
    select file_url, asset_count + label_count as records, rejected_asset_count + rejected_label_count as rejected,
        case when is_rejected then 1 when records = 0 then 0 else rejected / records end as rejected_share
    from kili.exports
    where {_NEWEST}
    order by rejected_share desc, file_url"""
_VOLUMES: Final = f"""
    with newest as (
        select * from kili.exports where {_NEWEST} and not is_rejected
    ),
    before as (
        select newest.export_id, exports.asset_count, exports.label_count
        from newest
        join kili.exports as exports on not exports.is_rejected
            and exports._dlt_load_id < newest._dlt_load_id and exports.layout = newest.layout
            and exports.project_id is not distinct from newest.project_id
            and exports.export_type is not distinct from newest.export_type
            and exports.label_container is not distinct from newest.label_container
        qualify row_number() over (
            partition by newest.export_id order by exports._dlt_load_id desc, exports.loaded_at desc
        ) <= {_MAX_EARLIER_EXPORTS}
    ),
    usual as (
        select export_id, min(asset_count) as least_assets, max(asset_count) as greatest_assets,
            min(label_count) as least_labels, max(label_count) as greatest_labels
        from before group by export_id having count(*) >= {_MIN_EARLIER_EXPORTS}
    ),
    counted as (
        select file_url, 'assets' as what, asset_count as count, least_assets as least, greatest_assets as greatest
        from newest join usual using (export_id)
        union all
        select file_url, 'labels', label_count, least_labels, greatest_labels
        from newest join usual using (export_id)
    )
    select * from counted where count * {_VOLUME_FACTOR} < least or count > greatest * {_VOLUME_FACTOR} order by all"""
_LOAD_TOTALS: Final = f"""
    select min(loaded_at), sum(asset_count)::bigint, sum(label_count)::bigint,
        sum(rejected_asset_count + rejected_label_count)::bigint
    from kili.exports group by _dlt_load_id order by _dlt_load_id desc limit {_RECENT_LOADS}"""

_NEWEST_LABEL: Final = """
    select max(created_at) from kili.labels
    where created_at between '0001-01-01 00:00:00+00'::timestamptz and '9999-12-31 23:59:59.999999+00'::timestamptz"""


@dataclass(frozen=True)
class Audit:
    """The audit of a load, or of the newest load if nothing was new.

    balances: every reading of every export, unbalanced readings first, then the newest first.
    rejected_shares: the exports of the newest load, the greatest share first.
    volumes: exports of the newest load with less than half of the minimum, or more than twice the maximum, of similar
        earlier exports: the last ten, at least three, with the same project, layout, type and label container.
    drift: differences between the declared columns and the tables' columns before the load.
    recent_loads: the last loads, the newest first.
    newest_label_at: when the newest label was created.
    """

    balances: list[Balance]
    rejected_shares: list[RejectedShare]
    volumes: list[Volume]
    drift: list[Drift]
    recent_loads: list[LoadTotals]
    newest_label_at: datetime | None

    @property
    def unbalanced(self) -> list[Balance]:
        """The readings whose counts do not match the rows."""
        return [balance for balance in self.balances if not balance.is_balanced]

    @property
    def rejected_share(self) -> float:
        """The rejected share of the newest load's assets and labels."""
        exports = self.rejected_shares
        return sum(export.rejected for export in exports) / (sum(export.records for export in exports) or 1)

    @property
    def newest_label_age_days(self) -> float | None:
        """The days since the newest label was created."""
        return (datetime.now(UTC) - self.newest_label_at).total_seconds() / 86_400 if self.newest_label_at else None


def audit_load(file: Path, before: database.Columns) -> Audit:
    """Returns the audit of the newest load. `before`: the columns of the tables before the load."""
    with database.reading(file) as db:
        return Audit(
            balances=[Balance(*row) for row in db.execute(_BALANCES).fetchall()],
            rejected_shares=[RejectedShare(*row) for row in db.execute(_REJECTED_SHARES).fetchall()],
            volumes=[Volume(*row) for row in db.execute(_VOLUMES).fetchall()],
            drift=_drift(before),
            recent_loads=[LoadTotals(*row) for row in db.execute(_LOAD_TOTALS).fetchall()],
            newest_label_at=db.execute(_NEWEST_LABEL).fetchall()[0][0],
        )


def is_balanced(file: Path) -> bool:
    """Whether every record of every export is accounted for."""
    with database.reading(file) as db:
        return all(Balance(*row).is_balanced for row in db.execute(_BALANCES).fetchall())


def _drift(loaded: database.Columns) -> list[Drift]:
    if not loaded:
        return []
    declared = {(table.name, column.name): column.sql_type for table in records.TABLES for column in table.columns}
    names = {table.name for table in records.TABLES}
    ours = {key: kind for key, kind in loaded.items() if key[0] in names and key[1] != tables.LOAD_ID}
    differing = sorted(key for key in declared.keys() | ours.keys() if declared.get(key) != ours.get(key))
    return [Drift(*key, declared.get(key, ""), ours.get(key, "")) for key in differing]
