"""The comparison method: its settings and code versions, which every result names."""

from typing import Final

import duckdb

from pipelines.kili.versions import FLATTEN_VERSION
from pipelines.loading import database
from pipelines.settings import Comparison

COMPARISON_VERSION: Final = 2
"""Raise it with every change of the code that may change a result. The next run then compares all pairs again."""


class Method(Comparison):
    """All that a comparison depends on besides the labels: the settings, and the versions of the code."""

    @property
    def version(self) -> str:
        """The name of the method. One version gives the same results for the same answers."""
        frames = " key frames" if self.score_key_frames_only else ""
        return f"{COMPARISON_VERSION}.{FLATTEN_VERSION} relabel {self.relabel_iou!r}{frames}"

    @property
    def row(self) -> dict[str, object]:
        """The method as a row of `comparison.methods`."""
        return {
            "method_version": self.version,
            "relabel_iou": self.relabel_iou,
            "key_frames_only": self.score_key_frames_only,
        }


def from_settings(settings: Comparison) -> Method:
    """The method that the settings select."""
    return Method(relabel_iou=settings.relabel_iou, score_key_frames_only=settings.score_key_frames_only)


def newest_version(db: duckdb.DuckDBPyConnection) -> str | None:
    """The version of the method of the newest comparison; null if there is none."""
    if "methods" not in database.table_names(db, "comparison"):
        return None
    ((version,),) = db.execute("select max_by(method_version, _dlt_load_id) from comparison.methods").fetchall()
    return None if version is None else str(version)
