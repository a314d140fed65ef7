"""Copies results of comparisons from another warehouse, so that an as-of folder compares no pair of labels twice."""

from pathlib import Path
from typing import Final

from pipelines.comparison import records
from pipelines.comparison.method import Method
from pipelines.loading import database
from pipelines.loading.tables import LOAD_ID

_SCHEMA: Final = "comparison"
_OF_A_PAIR: Final = ("pair_key", "pair_key in (select pair_key from comparison.pairs)")
_NEEDED: Final = {
    records.METHODS.name: ("method_version", "method_version = $method"),
    records.PAIRS.name: (
        "pair_key",
        """method_version = $method
        and (left_label_key, left_response_hash, right_label_key, right_response_hash) in (
            select (left_response_label_key, left_response_hash, right_response_label_key, right_response_hash)
            from intermediate.label_pairs
            where left_response_hash is not null and right_response_hash is not null)""",
    ),
    records.JOBS.name: _OF_A_PAIR,
    records.EDITS.name: _OF_A_PAIR,
    records.DAWID_SKENE.name: (
        "ratings_hash",
        "ratings_hash in (select ratings_hash from intermediate.job_ratings)",
    ),
}
"""For each table the column that its results are known by, and which results the current models need."""


def copy(file: Path, origin: Path, method: Method) -> None:
    """Makes schema `comparison` hold the results that its models need: those it has, and those that `origin` has.

    Deletes all others: a release publishes the schema whole.
    """
    with database.writing(file) as db:
        database.attach(db, origin, "origin")
        db.execute(f"begin; create schema if not exists {_SCHEMA}")
        for table in (database.LOADS, *_NEEDED):
            db.execute(f"create table if not exists {_SCHEMA}.{table} as from origin.{_SCHEMA}.{table} limit 0")
        db.execute(
            f"""insert into {_SCHEMA}.{database.LOADS} by name from origin.{_SCHEMA}.{database.LOADS}
            where load_id not in (select load_id from {_SCHEMA}.{database.LOADS})"""
        )
        for table, (key, condition) in _NEEDED.items():
            named = {"method": method.version} if "$method" in condition else {}
            db.execute(f"delete from {_SCHEMA}.{table} where not ({condition})", named)
            db.execute(
                f"""insert into {_SCHEMA}.{table} by name from origin.{_SCHEMA}.{table}
                where {condition} and {key} not in (select {key} from {_SCHEMA}.{table})
                    and {LOAD_ID} in {database.finished_loads(f"origin.{_SCHEMA}")}""",
                named,
            )
        db.execute("commit")
