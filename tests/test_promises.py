"""The promises of the warehouse contract, over random sets of overlapping exports in random layouts and order."""

import gzip
import json
import shutil
import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from helpers.quick import Model, Quick
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.kili import reconciliation

SLOW = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


ANSWERS = st.sampled_from(
    [None, {}, {"K": {"categories": [{"name": "A"}]}}, {"K": {"categories": [{"name": "B"}]}}, {"T": {"text": "x"}}]
)
MAYBE = st.sampled_from([None, True, False])
AUTHORS = st.sampled_from(
    [
        *({"id": "ana"}, {"id": "ana", "email": "Ana@example.com"}, {"id": "zoe", "email": "ana@example.com"}),
        *({"email": "ana@example.com"}, {"id": "bob"}, {"email": "bob@example.com"}),
    ]
)


@st.composite
def labels(draw: st.DrawFn) -> dict[str, Any]:
    """A label; those of one type and day have one id, in exports that give it, whoever is named as their author."""
    label_type, day = draw(st.sampled_from(["DEFAULT", "REVIEW", "PREDICTION", "AUTOSAVE"])), draw(st.integers(1, 3))
    label: dict[str, Any] = {
        "author": draw(AUTHORS),
        "labelType": label_type,
        "createdAt": f"2024-01-0{day}T00:00:00Z",
        "jsonResponse": draw(ANSWERS),
        "isLatestLabelForUser": draw(MAYBE),
        "skipped": draw(MAYBE),
    }
    return label | draw(
        st.sampled_from([{}, {"isSentBackToQueue": True}, {"id": f"{label_type} {day}"}, {"futureKey": [1]}])
    )


@st.composite
def assets(draw: st.DrawFn) -> dict[str, Any]:
    key = draw(st.sampled_from(["labels", "latestLabel", "latestLabels"]))
    found = draw(st.lists(labels(), max_size=3))
    held: Any = (
        (found[0] if found else None) if key == "latestLabel" else [*found, None] if key == "latestLabels" else found
    )
    return {
        "id": draw(st.sampled_from(["a1", "a2", "a3"])),
        "externalId": draw(st.sampled_from([None, "x.jpg", "y.jpg"])),
        "status": draw(st.sampled_from([None, "TODO", "LABELED"])),
        "isHoneypot": draw(MAYBE),
        "jsonMetadata": draw(st.sampled_from([None, {}, {"k": 1}])),
        key: held,
    }


@st.composite
def exports(draw: st.DrawFn) -> dict[str, Any]:
    """An export's content and how it is packed; `hour` is the README's date, null for a bare file."""
    return {
        "assets": draw(st.lists(assets(), min_size=1, max_size=3)),
        "hour": draw(st.sampled_from([None, 1, 2, 3])),
        "is_per_asset": draw(st.booleans()),
        "is_folder": draw(st.booleans()),
    }


def write(export: dict[str, Any], folder: Path, name: str) -> Path:
    if export["hour"] is None:
        path = folder / f"{name}.json.gz"
        path.write_bytes(gzip.compress(json.dumps(export["assets"]).encode(), mtime=0))
        return path
    files = {
        "README.kili.txt": f"- Project identifier: p{export['hour']}\n- Export date: 20240101-{export['hour']:02}0000\n"
    }
    if export["is_per_asset"]:
        files |= {f"labels/{i}.json": json.dumps(asset) for i, asset in enumerate(export["assets"])}
    else:
        files["data.json"] = json.dumps(export["assets"])
    if export["is_folder"]:
        for inside, text in files.items():
            (folder / name / inside).parent.mkdir(parents=True, exist_ok=True)
            (folder / name / inside).write_text(text)
        return folder / name
    with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
        for inside, text in files.items():
            archive.writestr(zipfile.ZipInfo(inside), text)
    return folder / f"{name}.zip"


@SLOW
@given(data=st.data(), found=st.lists(exports(), min_size=1, max_size=4))
def test_order_and_repetition_do_not_matter(
    data: st.DataObject, found: list[dict[str, Any]], models: list[Model]
) -> None:
    """Promise 2: all at once, or one by one in any order with some of them again, gives the same marts, whole."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        paths = [write(export, folder, f"e{i}") for i, export in enumerate(found)]
        at_once, one_by_one = Quick(folder / "once", models), Quick(folder / "one", models)
        at_once.load(*paths)
        for path in data.draw(st.permutations([*paths, *data.draw(st.lists(st.sampled_from(paths), max_size=2))])):
            one_by_one.load(path)
        assert one_by_one.marts() == at_once.marts()


@SLOW
@given(found=st.lists(exports(), min_size=1, max_size=3))
def test_no_record_is_lost(found: list[dict[str, Any]], models: list[Model]) -> None:
    """Promise 1: what the file holds is what was loaded, unchanged or rejected, by asset and by label."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        quick = Quick(folder / "w", models)
        quick.load(*[write(export, folder, f"e{i}") for i, export in enumerate(found)])
        assert reconciliation.audit_load(quick.database, {}).unbalanced == []
        written = sum(len({asset["id"] for asset in export["assets"]}) for export in found)
        assert quick.ask("select count(*) from kili.sightings")[0][0] <= written


@SLOW
@given(first=st.lists(exports(), min_size=1, max_size=3), later=exports())
def test_absence_is_not_deletion(first: list[dict[str, Any]], later: dict[str, Any], models: list[Model]) -> None:
    """Promise 3: no asset, label or value that was there is gone after a further export."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        quick = Quick(folder / "w", models)
        quick.load(*[write(export, folder, f"e{i}") for i, export in enumerate(first)])
        before = quick.marts()
        quick.load(write(later, folder, "later"))
        after = quick.marts()
        ids = dict(quick.ask("select label_key, (asset_id, label_id) from kili.labels where label_id is not null"))
        for mart in ("assets", "labels"):
            columns = [column for (column,) in quick.ask(f"select column_name from (describe marts.{mart})")]
            told = {ids.get(row[0], row[0]): dict(zip(columns, row, strict=True)) for row in after[mart]}
            for row in before[mart]:
                was, now = dict(zip(columns, row, strict=True)), told[ids.get(row[0], row[0])]
                gone = {name for name, value in was.items() if value is not None and now[name] is None}
                assert gone <= {"extra"}  # which is taken whole from the newest export


@SLOW
@given(found=st.lists(exports(), min_size=2, max_size=4))
def test_an_asset_whose_state_changes_has_another_hash(found: list[dict[str, Any]], models: list[Model]) -> None:
    """Promise 5: what incremental models see of an asset tells every change of its rows."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        quick = Quick(folder / "w", models)
        rows: dict[tuple[str, str], Any] = {}
        for number, export in enumerate(found):
            quick.load(write(export, folder, f"e{number}"))
            quick.build()
            for table in ("current_assets", "current_labels"):
                query = f"select asset_id, state_hash, list(t order by t) from intermediate.{table} as t group by all"
                for asset_id, state_hash, state in quick.ask(query):
                    assert rows.setdefault((f"{table} {asset_id}", state_hash), state) == state


@SLOW
@given(found=exports(), other=exports())
def test_only_changed_rows_are_written(found: dict[str, Any], other: dict[str, Any], models: list[Model]) -> None:
    """Promise 5: the same assets in a new file write a ledger row and sightings, and nothing else."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        quick = Quick(folder / "w", models)
        quick.load(write(found, folder, "a"), write(other, folder, "b"))
        again = found | {"hour": 9, "is_folder": False}
        counts = quick.load(write(again, folder, "again"))
        assert {name for name, count in counts.items() if count} == {"exports", "sightings"}
        shutil.rmtree(folder / "w")


def test_times_out_of_range_stored_by_an_older_loader_are_ignored(tmp_path: Path, models: list[Model]) -> None:
    def label(label_type: str, day: int) -> dict[str, Any]:
        return {
            "author": {"id": "ana"},
            "labelType": label_type,
            "createdAt": f"2024-01-0{day}T00:00:00Z",
            "jsonResponse": {"K": {"categories": [{"name": label_type}]}},
        }

    good = [{"id": "a1", "updatedAt": "2024-01-04T00:00:00Z", "labels": [label("DEFAULT", 1), label("REVIEW", 2)]}]
    bad = {"id": "a2", "updatedAt": "2024-01-05T00:00:00Z", "labels": [label("DEFAULT", 3)]}
    held = [{**good[0], "labels": [*good[0]["labels"], label("REVIEW", 6)]}, bad]
    fresh, old = Quick(tmp_path / "fresh", models), Quick(tmp_path / "old", models)
    fresh.load(write({"assets": good, "hour": None}, tmp_path, "good"))
    old.load(write({"assets": held, "hour": None}, tmp_path, "held"))
    with duckdb.connect(str(old.database)) as db:
        out_of_range = "timestamptz '10000-01-01 00:00:00+00'"
        db.execute(f"update kili.labels set created_at = {out_of_range} where created_at = '2024-01-06 00:00:00+00'")
        db.execute(f"update kili.assets set updated_at = {out_of_range} where asset_id = 'a2'")
        db.execute(f"update kili.exports set as_of = {out_of_range}")
    assert old.marts() == fresh.marts()
    assert reconciliation.audit_load(old.database, {}).newest_label_at == datetime(2024, 1, 3, tzinfo=UTC)
