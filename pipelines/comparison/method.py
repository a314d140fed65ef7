"""How labels are compared: what may be chosen, and the version that stands with every result."""

from dataclasses import dataclass
from typing import Final

import duckdb

from pipelines.kili.versions import FLATTEN_VERSION
from pipelines.loading import database

COMPARISON_VERSION: Final = 2
"""Raised with every change of the code that may change a result: all pairs are then compared again."""


@dataclass(frozen=True)
class Method:
    """What a comparison depends on besides the labels.

    relabel_iou: least overlap of two annotations of different categories for the second to be the first, relabelled.
    key_frames_only: whether only the key frames of a video enter the scores; edits are told of every frame.
    """

    relabel_iou: float = 0.5
    key_frames_only: bool = False

    @property
    def version(self) -> str:
        """Names the method: the same version gives the same results for the same answers."""
        frames = " key frames" if self.key_frames_only else ""
        return f"{COMPARISON_VERSION}.{FLATTEN_VERSION} relabel {self.relabel_iou!r}{frames}"

    @property
    def row(self) -> dict[str, object]:
        """The method as a row of `comparison.methods`."""
        return {
            "method_version": self.version,
            "relabel_iou": self.relabel_iou,
            "key_frames_only": self.key_frames_only,
        }


DEFAULT: Final = Method()


def newest(db: duckdb.DuckDBPyConnection) -> str | None:
    """The version of the method that compared last; null if nothing was ever compared."""
    if "methods" not in database.table_names(db, "comparison"):
        return None
    found = db.execute("select max_by(method_version, _dlt_load_id) from comparison.methods").fetchall()
    return None if found[0][0] is None else str(found[0][0])
