"""Inputs in the shape of public bug reports: each is loaded alone, and its `expect.py` finds what ought to be there."""

import runpy
import sys
from pathlib import Path

import pytest
from helpers.quick import Model, Quick

from pipelines.landing import discovery
from pipelines.publishing import release

CASES = Path(__file__).parent / "cases"


@pytest.mark.parametrize("case", sorted(path.parent for path in CASES.glob("*/expect.py")), ids=lambda case: case.name)
def test_an_input_of_a_public_bug_report_loads_as_expected(
    case: Path, tmp_path: Path, models: list[Model], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = Quick(tmp_path / "work", models)
    quick.load(*[Path(found.path) for found in discovery.find(str(case), tmp_path)])
    quick.marts()
    release.publish(tmp_path, quick.database, "")
    monkeypatch.setattr(sys, "argv", ["expect.py", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(case / "expect.py"))
    assert ended.value.code == 0, capsys.readouterr().out
