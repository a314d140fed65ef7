"""Exports pulled from Kili: Kili's own client against a server on a real socket, and what is loaded of what it gave."""

import json
import re
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from conftest import ROOT, SAMPLES, query, run_command
from helpers.kili_server import ENDPOINT, KEY, PATH, STORAGE, Kili, Record, Server
from helpers.quick import Quick

from assets_defs import landing as landing_asset
from pipelines import settings
from pipelines.kili import load as kili_load
from pipelines.kili import packaging, records
from pipelines.kili.api import pull as api_pull

TYPES = ("DEFAULT", "REVIEW", "PREDICTION", "INFERENCE", "AUTOSAVE")
PROJECT = {
    "id": "cars",
    "title": "Cars\n- Project identifier: other",
    "description": "Été\n- Export date: 19990101-000000",
    "inputType": "IMAGE",
    "jsonInterface": "{}",
    "workflowVersion": "V1",
    "steps": [],
}


def label(asset: int, place: int) -> Record:
    """A label with a value in each field. Every third answer is in the storage."""
    answer = {"KIND": {"categories": [{"name": f"K{asset % 3}"}]}, "NOTE": {"text": f"é {place}"}}
    return {
        "id": f"label-{asset}-{place}",
        "author": {
            "id": f"user-{place}",
            "email": f"u{place}@example.com",
            "firstname": "Ana",
            "lastname": f"N{place}",
        },
        "createdAt": f"2024-05-0{place + 1}T10:00:{asset % 60:02}.123Z",
        "labelType": TYPES[place],
        "jsonResponse": json.dumps(answer),
        "jsonResponseUrl": f"{STORAGE}/{asset}-{place}.json" if (asset + place) % 40 == 0 else None,
        "modelName": "model" if TYPES[place] in ("PREDICTION", "INFERENCE") else None,
        "isSentBackToQueue": asset % 2 == 0 if place == 0 else None,
        "isLatestLabelForUser": True,
        "isHoneypot": False,
        "honeypotMark": 0.5,
        "inferenceMark": 0.25,
        "reviewScore": 0.125,
        "secondsToLabel": 1.5 * place,
        "totalSecondsToLabel": 60,
    }


def asset(number: int) -> Record:
    return {
        "id": f"asset-{number}",
        "projectId": "cars",
        "externalId": f"car {number}.jpg",
        "content": f"{STORAGE}/{number}.jpg",
        "jsonContent": "",
        "status": "LABELED",
        "jsonMetadata": json.dumps({"place": number}),
        "resolution": {"width": 640.0, "height": 480.0},
        "isHoneypot": False,
        "honeypotMark": None,
        "isUsedForConsensus": True,
        "consensusMark": 0.75,
        "inferenceMark": 0.5,
        "skipped": False,
        "createdAt": "2024-05-01T09:00:00.000Z",
        "updatedAt": "2024-05-06T09:00:00.000Z",
        "labels": [label(number, place) for place in range(number % 6)],
    }


@pytest.fixture(scope="module", autouse=True)
def environment() -> None:
    """Kili's client, set up as users do it, with the uv of this environment."""
    subprocess.run(["make", "kili", f"UV={Path(sys.executable).with_name('uv')}"], cwd=ROOT, check=True)


@pytest.fixture
def kili() -> Kili:
    return Kili({"cars": PROJECT}, {"cars": [asset(number) for number in range(3)]})


@pytest.fixture
def server(kili: Kili) -> Iterator[Server]:
    with Server(kili) as server:
        yield server
        server.shutdown()


@pytest.fixture
def chosen(server: Server, tmp_path: Path) -> settings.Settings:
    """The settings of a user who pulls one project."""
    return settings.Settings(
        warehouse=tmp_path / "warehouse",
        timezone=ZoneInfo("Europe/Paris"),
        pull_projects=("cars",),
        api_endpoint=f"{server.url}{PATH}",
        api_key=KEY,
    )


def pulled(chosen: settings.Settings) -> list[Path]:
    return [landed.path for landed in api_pull.pull_projects(chosen)]


def files(chosen: settings.Settings) -> list[str]:
    """All files that the pull wrote."""
    return [path.name for path in chosen.warehouse.rglob("*") if path.is_file()]


def rows(chosen: settings.Settings, sql: str) -> list[dict[str, Any]]:
    return query(chosen.work, sql)


def column(key: str) -> str:
    return re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", key)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_pulled_rows_equal_the_servers_data(
    chosen: settings.Settings, kili: Kili, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Covers every field, label type and page. All requests go to the endpoint and the storage."""
    kili.assets["cars"] = held = [asset(number) for number in range(130)]
    proxy = chosen.api_endpoint.removesuffix(PATH)
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, proxy)
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("HOME", str(chosen.warehouse / "home"))
    chosen = chosen.model_copy(update={"api_endpoint": ENDPOINT})
    loaded = kili_load.load(api_pull.pull_projects(chosen), chosen)
    assert loaded.exports_rejected == 0

    found = rows(chosen, "select * exclude (asset_version, extra, _dlt_load_id) from kili.assets order by asset_id")
    expected = [
        {column(key): one.get(key) for key in records.ASSETS.keyed()}
        | {"json_metadata": json.dumps(json.loads(one["jsonMetadata"]), separators=(",", ":"))}
        | {"created_at": instant(one["createdAt"]), "updated_at": instant(one["updatedAt"])}
        for one in held
    ]
    for row in expected:
        row["asset_id"] = row.pop("id")
    assert found == sorted(expected, key=lambda row: row["asset_id"])

    found = rows(
        chosen,
        """select labels.* exclude (label_key, asset_version, response_hash, annotation_count, extra, _dlt_load_id),
            json_response
        from kili.labels join kili.responses using (label_key) order by label_id""",
    )
    expected = [
        {column(key): one.get(key) for key in records.LABELS.keyed() if key != "id"}
        | {"label_id": one["id"], "asset_id": whole["id"], "created_at": instant(one["createdAt"])}
        | {"json_response": json.dumps(json.loads(one["jsonResponse"]), separators=(",", ":"), ensure_ascii=False)}
        | {f"author_{key}": one["author"][key] for key in ("id", "email")}
        | {"author_name": f"Ana {one['author']['lastname']}"}
        for whole in held
        for one in whole["labels"]
    ]
    assert found == sorted(expected, key=lambda row: row["label_id"])
    assert {row["label_type"] for row in found} == set(TYPES)
    assert Counter(row["is_sent_back_to_queue"] for row in found)[True] > 20

    assert {tuple(where) for where in kili.where} == {("project", "label", "issue")}
    assert all((where["label"], where["issue"]) == ({}, {}) for where in kili.where)
    asked = Counter(kili.seen)
    assert asked.pop(f"POST {ENDPOINT}") == 1 + 1 + 1 + 1 + 1 + 1 + 3
    assert all(request.startswith(f"GET {STORAGE}/") for request in asked)
    assert not (chosen.warehouse / "home").exists()


def test_the_archive_has_the_layout_and_readme_of_kili_s_own(chosen: settings.Settings) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    (archive,) = pulled(chosen)
    with packaging.open_export(archive, chosen.timezone, chosen) as opened:
        readme = opened.readme
        assert (opened.layout, [document.entry for document in opened.documents]) == ("zip_single_file", ["data.json"])
    assert (readme.project_id, readme.export_type, readme.format) == ("cars", "normal", "kili")
    assert readme.project_name == "Cars - Project identifier: other"
    assert before <= readme.as_of <= datetime.now(UTC)
    real = zipfile.ZipFile(ROOT / "tests" / "real_exports" / "review_normal_single_file.zip")
    with zipfile.ZipFile(archive) as ours:
        assert sorted(ours.namelist()) == sorted(real.namelist())
        keys = [line.partition(":")[0] for line in ours.read("README.kili.txt").decode().splitlines()]
    assert keys == [line.partition(":")[0] for line in real.read("README.kili.txt").decode().splitlines()]


def test_a_project_lands_again_only_if_its_content_changes(chosen: settings.Settings, kili: Kili) -> None:
    first = pulled(chosen)
    assert pulled(chosen) == first
    as_it_was = kili.assets["cars"]
    kili.assets["cars"] = [*as_it_was[1:], as_it_was[0] | {"status": "REVIEWED"}]
    second = pulled(chosen)
    assert len(second) == 2
    kili.assets["cars"] = as_it_was
    third = pulled(chosen)
    assert third[:2] == second
    assert len(third) == 3


def test_a_project_lands_again_after_another_export_of_it(chosen: settings.Settings) -> None:
    """State A on Monday, B in an archive of Tuesday, A on Wednesday: the current state is A."""
    (first,) = pulled(chosen)
    first.rename(first.with_name(f"20240101T000000.000000Z-{first.stem[-16:]}.zip"))
    quick = Quick(chosen.work, [])
    for date, archives_there in (("29990101", 1), ("20240102", 2)):
        other = chosen.warehouse / f"{date}.zip"
        with zipfile.ZipFile(other, "w") as archive:
            archive.writestr("README.kili.txt", f"- Project identifier: cars\n- Export date: {date}-000000\n")
            archive.writestr("data.json", "[]")
        quick.load(other)
        assert len(pulled(chosen)) == archives_there, date


def test_an_answer_that_is_no_json_is_rejected_and_the_rest_loads(chosen: settings.Settings, kili: Kili) -> None:
    kili.assets["cars"][2]["labels"][0]["jsonResponse"] = '{"SPEED": NaN}'
    quick = Quick(chosen.work, [])
    quick.load(*pulled(chosen))
    assert quick.ask("select count(*) from kili.labels") == [(2,)]
    assert quick.ask("select entry, location, reason from kili.rejects") == [
        ("data.json", "/2/labels/0", "NaN or Infinity is not a JSON number")
    ]


def test_transient_errors_are_retried(chosen: settings.Settings, kili: Kili, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", chosen.api_endpoint.removesuffix(PATH))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    kili.assets["cars"] = [asset(number) for number in (1, 39)]
    kili.faults.extend([503, 0, None, 429, None, 500, None, 503])
    kili.download_faults.extend([503, 0])
    (archive,) = pulled(chosen)
    with zipfile.ZipFile(archive) as packed:
        read = json.loads(packed.read("data.json"))
    answers = {one["id"]: one["jsonResponse"] for whole in read for one in whole["labels"]}
    assert answers == {one["id"]: json.loads(one["jsonResponse"]) for a in kili.assets["cars"] for one in a["labels"]}
    assert kili.seen.count(f"GET {STORAGE}/39-1.json") == 3
    assert not kili.faults


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param({"api_key": "another-key"}, "{endpoint} does not accept the key in KILI_API_KEY", id="wrong key"),
        pytest.param(
            {"pull_projects": ("lorries",)},
            "Kili has no project lorries, or the key in KILI_API_KEY gives no access to it",
            id="unknown project",
        ),
    ],
)
def test_a_failed_pull_gives_a_one_sentence_error(
    change: Record, sentence: str, chosen: settings.Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    wrong = chosen.model_copy(update=change)
    with pytest.raises(api_pull.PullFailed) as failed:
        api_pull.pull_projects(wrong)
    assert str(failed.value) == sentence.format(endpoint=wrong.api_endpoint)
    assert files(wrong) == []
    assert wrong.api_key not in f"{wrong}{caplog.text}{failed.value}"


def test_an_interrupted_pull_leaves_no_file(chosen: settings.Settings, kili: Kili) -> None:
    kili.refusal = "no more\nof this"
    with pytest.raises(api_pull.PullFailed, match='Kili refuses project cars: GraphQL error: "no more'):
        pulled(chosen)
    kili.refusal = None
    kili.assets["cars"][2]["labels"][0]["jsonResponseUrl"] = chosen.api_endpoint.replace(PATH, "/gone")
    with pytest.raises(api_pull.PullFailed, match="/gone does not answer: HTTP 404"):
        pulled(chosen)
    assert files(chosen) == []


def test_a_missing_environment_is_named(chosen: settings.Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_pull, "PYTHON", chosen.warehouse / "none")
    with pytest.raises(api_pull.PullFailed, match="run `make kili`"):
        pulled(chosen)


def test_pulled_and_found_exports_are_loaded_together(chosen: settings.Settings) -> None:
    both = chosen.model_copy(update={"exports": str(SAMPLES)})
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize(
            [landing_asset.exports()], instance=instance, resources={"settings": both, "warehouse_lock": None}
        )
    assert len(done.output_for_node("landing__kili")) == 1 + 11


def test_the_command_reports_why_a_pull_failed(warehouse: Path) -> None:
    release = (warehouse / "current").readlink()
    away = {"KILI_API_KEY": KEY, "KILI_API_ENDPOINT": "http://127.0.0.1:9/graphql"}
    ran = run_command("run", "--warehouse", warehouse, KILI_PULL_PROJECTS="cars", **away)
    assert ran.status == 1
    assert "kili-warehouse: landing/kili: http://127.0.0.1:9/graphql does not answer: ConnectionError\n" in ran.err
    assert "Traceback" not in ran.err
    assert KEY not in ran.out + ran.err
    assert (warehouse / "current").readlink() == release
