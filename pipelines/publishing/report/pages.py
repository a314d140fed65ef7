"""Writes the quality report of a release: one page with its data, scripts and charts, which needs no server."""

import base64
import hashlib
from pathlib import Path
from typing import Any, Final

import duckdb
import jinja2
import orjson

from pipelines.loading import database
from pipelines.publishing.report import columns, drawings, queries

_FOLDER: Final = Path(__file__).parent

_SECTIONS: Final = (
    ("progress", "Progress", "Assets that are reviewed, labelled or waiting, and the labels made."),
    ("quality", "Quality by week", "Weeks are those of the annotators' labels, whenever they were reviewed."),
    ("annotators", "Annotators", "How the labels of each annotator held up. Choose a name to see one person."),
    ("reviewers", "Reviewers", "What reviewers decided, and how strict they are compared with others."),
    ("confusion", "Confusion", "The categories that annotators chose, and those of the latest review."),
    ("agreement", "Agreement", "How far annotators of the same assets agree before review."),
    ("edits", "Edits", "What reviewers changed, by job. Nested jobs are counted separately."),
    ("models", "Models", "How much of the predictions people kept."),
    ("time", "Time", "How long labels take, if the exports contain it."),
    ("assets", "Assets to review again", "Why the labels of an asset may be wrong, the worst assets first."),
    ("freshness", "Freshness", "When the exports were made, and what could not be loaded."),
)
"""Id, title and description of each section."""


def write(file: Path, folder: Path, release_id: str) -> None:
    """Writes index.html for a published database. The page has no external address and no e-mail address."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER / "templates"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    scripts = _scripts()
    page = environment.get_template("index.html").render(
        release_id=release_id,
        sections=_SECTIONS,
        style=_text("report.css"),
        hashes=" ".join(f"'sha256-{_hash(script)}'" for script in scripts),
        data=_data(file),
        scripts=scripts,
    )
    folder.mkdir()
    (folder / "index.html").write_text(page, encoding="utf-8")


def _data(file: Path) -> str:
    """The page's data as JSON in which no text ends a script element."""
    with database.reading(file) as db:
        return orjson.dumps(_tables(db)).decode().replace("<", "\\u003c")


def _tables(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    for step in queries.STEPS:
        db.execute(step)
    tables = {name: columns.read(db, query) for name, query in queries.TABLES.items()}
    [(rejects, week)] = db.execute(
        "select (select count(*) from kili.rejects), (select week from first_edit_week)"
    ).fetchall()
    return {"tables": tables, "reject_count": rejects, "first_edit_week": week, "drawings": drawings.read(db)}


def _scripts() -> list[str]:
    """Vega, Vega-Lite, and the page's own script, whose parts share one scope."""
    own = "\n".join(path.read_text() for path in sorted((_FOLDER / "scripts").iterdir()))
    return [_text("vega/vega.min.js"), _text("vega/vega-lite.min.js"), f"(() => {{\n{own}}})();"]


def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
