"""The made-up project of the samples: its exports are those that its script writes, and are as a project's are."""

import json
import zipfile
from pathlib import Path
from typing import Any

from conftest import SAMPLES
from helpers.story import cast, exports

SHIPPED = sorted(SAMPLES.glob("harbour_*.zip"))


def entries(path: Path) -> list[tuple[str, tuple[int, ...], int, bytes]]:
    """What a zip holds but for how it is compressed, which may change with the version of zlib."""
    with zipfile.ZipFile(path) as archive:
        return [(one.filename, one.date_time, one.external_attr, archive.read(one)) for one in archive.infolist()]


def assets(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        return {asset["id"]: asset for asset in json.loads(archive.read("data.json"))}


def test_the_script_writes_the_exports_that_the_samples_hold(tmp_path: Path) -> None:
    exports.write(tmp_path)
    written = sorted(tmp_path.iterdir())
    assert [path.name for path in written] == [path.name for path in SHIPPED]
    assert [entries(path) for path in written] == [entries(path) for path in SHIPPED]


def test_the_script_writes_the_same_bytes_again(tmp_path: Path) -> None:
    for name in ("once", "again"):
        (tmp_path / name).mkdir()
        exports.write(tmp_path / name)
    once, again = ([path.read_bytes() for path in sorted((tmp_path / name).iterdir())] for name in ("once", "again"))
    assert len(once) == cast.EXPORTS
    assert once == again


def test_a_later_export_has_more_labels_changed_states_and_every_earlier_label() -> None:
    for earlier, later in zip(map(assets, SHIPPED), map(assets, SHIPPED[1:]), strict=False):
        assert earlier.keys() < later.keys()
        before = {label["id"] for asset in earlier.values() for label in asset["labels"]}
        after = {label["id"] for asset in later.values() for label in asset["labels"]}
        assert before < after
        changed = {key for key, asset in earlier.items() if asset["status"] != later[key]["status"]}
        assert len(changed) > 40


def test_people_work_on_weekdays_in_office_hours() -> None:
    labels = [label for asset in assets(SHIPPED[-1]).values() for label in asset["labels"]]
    times = {label["createdAt"][11:16] for label in labels}
    assert "08:00" <= min(times) <= max(times) <= "18:00"
    work = [label for label in labels if label["labelType"] != "PREDICTION"]
    assert all(3 < label["secondsToLabel"] < 900 for label in work)
