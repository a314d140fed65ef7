"""The quality report in a real headless browser: its numbers, filters, texts, drawings, and whom it keeps out."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from conftest import ROOT
from helpers import report_page
from helpers.browser import needs_browser, started
from helpers.report_numbers import MATRIX, Choice, Numbers, key
from helpers.story import cast
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from pipelines.publishing.report import pages, queries

pytestmark = needs_browser

AXE = ROOT / "tests" / "browser" / "node_modules" / "axe-core" / "axe.min.js"
HARBOUR = "cmgharbour0000000000000000"
CHOICES = {
    "everything": Choice(),
    "a project": Choice(HARBOUR),
    "exports without project": Choice("-"),
    "three weeks": Choice(HARBOUR, "2026-10-12", "2026-10-26"),
    "all weeks": Choice(None, "2020-10-26", "2026-11-09"),
    "one week": Choice(HARBOUR, "2026-10-19", "2026-10-19"),
    "an annotator": Choice(HARBOUR, person=cast.TOM.id),
    "a reviewer who labels, in two weeks": Choice(HARBOUR, "2026-10-26", "2026-11-02", person=cast.INES.id),
    "a job": Choice(HARBOUR, job="VESSELS"),
    "a job that is rated, in two weeks": Choice(HARBOUR, "2026-10-05", "2026-10-12", job="SEA_STATE"),
}


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    with started("window-size=1280,900", "hide-scrollbars") as driver:
        yield driver


@pytest.fixture(scope="module")
def page(samples: Path) -> Path:
    return (samples / "site" / "index.html").resolve()


@pytest.mark.parametrize("name", CHOICES)
def test_every_number_is_that_of_the_marts(name: str, samples: Path, page: Path, browser: webdriver.Chrome) -> None:
    choice = CHOICES[name]
    report_page.show(browser, page, **choice.address)
    shown = report_page.tables(browser)
    with duckdb.connect(str(samples / "warehouse.duckdb"), read_only=True) as db:
        db.execute("set TimeZone = 'UTC'")
        numbers = Numbers(db, choice)
        expected = {
            "annotators": numbers.annotators(),
            "reviewers": numbers.reviewers(),
            "time": numbers.times("annotator"),
            "review-time": numbers.times("reviewer"),
            "quality-weeks": numbers.quality_weeks(),
            "progress-weeks": numbers.progress_weeks(),
            "edits-jobs": numbers.edits_by_job(),
            "became": numbers.changed_categories(),
            "agreement-jobs": numbers.agreement(),
            "models": numbers.models(),
            "ranked": numbers.ranked(),
        }
        tiles = numbers.tiles()
    assert {table: sorted(shown.get(table, [])) for table in expected} == {
        table: sorted(rows) for table, rows in expected.items()
    }
    assert [tile.text for tile in browser.find_elements(By.CSS_SELECTOR, ".tile b")] == tiles
    assert browser.get_log("browser") == []


def test_the_matrices_are_those_of_the_marts(samples: Path, page: Path, browser: webdriver.Chrome) -> None:
    report_page.show(browser, page, project=HARBOUR)
    with duckdb.connect(str(samples / "warehouse.duckdb"), read_only=True) as db:
        numbers = Numbers(db, Choice(HARBOUR))
        jobs = browser.find_elements(By.CSS_SELECTOR, "#confusion figcaption")
        names = [job.text.split("\n")[0] for job in jobs]
        assert sorted(names) == ["MOTION", "SEA_STATE", "VESSELS", "VISIBILITY"]
        shown = report_page.tables(browser)
        assert [shown[f"confusion-{place}"] for place in range(4)] == [numbers.confusion(name) for name in names]
        rated = Numbers(db, Choice(HARBOUR, job="SEA_STATE"))
        for title in MATRIX:
            report_page.show(browser, page, project=HARBOUR)
            browser.find_element(By.XPATH, f'//button[text()="{title}"]').click()
            assert report_page.tables(browser)["matrix"] == numbers.matrix(title)
            report_page.show(browser, page, project=HARBOUR, job="SEA_STATE")
            browser.find_element(By.XPATH, f'//button[text()="{title}"]').click()
            assert report_page.tables(browser)["matrix"] == rated.matrix(title)


def test_a_chosen_person_is_compared_with_all_others(samples: Path, page: Path, browser: webdriver.Chrome) -> None:
    report_page.show(browser, page, project=HARBOUR, person=key(cast.TOM.id))
    with duckdb.connect(str(samples / "warehouse.duckdb"), read_only=True) as db:
        whole = Numbers(db, Choice(HARBOUR)).matrix("Mean score")
    assert report_page.tables(browser)["matrix"] == [row for row in whole if row[0] == "tom.okafor"]
    answers = [element.text for element in browser.find_elements(By.CSS_SELECTOR, ".answer")]
    assert "tom.okafor\n38 % accepted, all annotators 56 %" in answers[1]


def test_the_header_shows_projects_period_age_and_rejects(page: Path, browser: webdriver.Chrome) -> None:
    report_page.at(browser, "2026-11-17T06:00Z")
    report_page.show(browser, page, project=HARBOUR)
    assert browser.find_element(By.ID, "about").text.replace("\n", " ") == (
        "Harbour cameras · labels of 2 Oct 2026 to 13 Nov 2026 · as of 16 Nov 2026, 06:00 UTC no rejects no stale data"
    )
    report_page.at(browser, "2026-11-30T06:00Z")
    report_page.show(browser, page, project=HARBOUR)
    assert browser.find_element(By.CSS_SELECTOR, "#about .bad").text == "14 days old"


def test_the_answers_find_what_the_story_hides(page: Path, browser: webdriver.Chrome) -> None:
    report_page.show(browser, page, project=HARBOUR)
    verdicts = [element.text for element in browser.find_elements(By.CSS_SELECTOR, ".answer b")]
    assert verdicts == [
        "No clear change",
        "viktor.hahn",
        "FISHING_BOAT → TUG",
        "harbour-detector-2",
        "32 assets",
        "16 Nov 2026",
    ]


def test_filters_are_kept_in_the_address_and_read_from_it(page: Path, browser: webdriver.Chrome) -> None:
    report_page.show(browser, page)
    chosen = {"project": HARBOUR, "job": "VESSELS", "from": "2026-10-12", "to": "2026-10-19", "person": key("user-tom")}
    for name, value in chosen.items():
        Select(browser.find_element(By.ID, name)).select_by_value(value)
    address = browser.current_url
    before = report_page.tables(browser)
    browser.get("about:blank")
    browser.get(address)
    assert {name: browser.find_element(By.ID, name).get_property("value") for name in chosen} == chosen
    assert report_page.tables(browser) == before
    browser.find_element(By.ID, "reset").click()
    assert browser.current_url.endswith("index.html#")


def test_a_filter_that_does_not_exist_is_left_out(page: Path, browser: webdriver.Chrome) -> None:
    report_page.show(browser, page, project=HARBOUR, job="no job", person="nobody", week="never")
    assert browser.current_url.endswith(f"index.html#project={HARBOUR}")
    assert len(report_page.tables(browser)["annotators"]) == len(cast.ANNOTATORS)


def test_a_period_with_one_end_reaches_to_the_last_week(page: Path, browser: webdriver.Chrome) -> None:
    report_page.show(browser, page, project=HARBOUR, **{"from": "2026-11-02"})
    assert browser.current_url.endswith(f"#project={HARBOUR}&from=2026-11-02&to=2026-11-09")


def test_a_page_of_few_rows_holds_the_newest_weeks_and_all_totals(
    samples: Path, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, browser: webdriver.Chrome
) -> None:
    limits = {str(queries.WEEKLY_ROWS): "10", str(queries.EDIT_ROWS): "100"}
    for limit, few in limits.items():
        monkeypatch.setattr(queries, "STEPS", tuple(step.replace(limit, few) for step in queries.STEPS))
    pages.write(samples / "warehouse.duckdb", tmp_path / "site", "a release")
    report_page.show(browser, page)
    whole = report_page.tables(browser)
    report_page.show(browser, tmp_path / "site" / "index.html")
    short = report_page.tables(browser)
    assert [name for name in whole if sorted(whole[name]) != sorted(short[name])] == ["quality-weeks"]
    assert [row[0] for row in short["quality-weeks"]] == ["9 Nov 2026", "2 Nov 2026"]
    report_page.show(browser, tmp_path / "site" / "index.html", **{"from": "2026-11-02", "to": "2026-11-09"})
    assert "The page holds edits by week from 9 Nov 2026." in browser.find_element(By.ID, "edits-body").text


def test_an_empty_warehouse_has_a_page_that_says_so(samples: Path, tmp_path: Path, browser: webdriver.Chrome) -> None:
    file = tmp_path / "warehouse.duckdb"
    shutil.copy((samples / "warehouse.duckdb").resolve(), file)
    with duckdb.connect(str(file)) as db:
        for schema, table in db.execute("select schema_name, table_name from duckdb_tables()").fetchall():
            db.execute(f"truncate {schema}.{table}")
    pages.write(file, tmp_path / "site", "a release")
    report_page.show(browser, tmp_path / "site" / "index.html")
    assert set(map(len, report_page.tables(browser).values())) == {0}
    confusion = browser.find_element(By.ID, "confusion-body").text
    assert confusion == "No REVIEW label meets a DEFAULT label in these exports."
    assert browser.get_log("browser") == []


def test_a_name_in_a_table_chooses_the_person(page: Path, browser: webdriver.Chrome) -> None:
    report_page.show(browser, page, project=HARBOUR)
    browser.find_element(By.XPATH, '//table[@id="annotators"]//button[text()="mei.lin"]').click()
    assert browser.find_element(By.ID, "person").get_property("value") == key("user-mei")
    assert [row[0] for row in report_page.tables(browser)["annotators"]] == ["mei.lin"]


def test_tables_are_sorted_by_the_keyboard(page: Path, browser: webdriver.Chrome) -> None:
    report_page.show(browser, page, project=HARBOUR)
    heading = browser.find_element(By.XPATH, '//table[@id="annotators"]//th/button[starts-with(., "Labels")]')
    heading.send_keys(Keys.ENTER)
    assert [row[1] for row in report_page.tables(browser)["annotators"]] == ["99", "85", "78", "77", "65"]
    ActionChains(browser).send_keys(Keys.ENTER).perform()  # the heading keeps the focus
    assert [row[1] for row in report_page.tables(browser)["annotators"]] == ["65", "77", "78", "85", "99"]
    sorted_by = browser.find_elements(By.CSS_SELECTOR, "#annotators th[aria-sort]")
    assert [(th.text.split()[0], th.get_attribute("aria-sort")) for th in sorted_by] == [("Labels", "ascending")]


def test_the_charts_show_the_numbers_of_their_tables(page: Path, browser: webdriver.Chrome) -> None:
    report_page.show(browser, page, project=HARBOUR)
    weeks = {row[0]: row for row in report_page.tables(browser)["quality-weeks"]}
    for place, column in enumerate((2, 4, 6)):
        chart = browser.find_elements(By.CSS_SELECTOR, "#quality .chart")[place]
        points = report_page.marks(browser, chart, "point")
        assert len(points) == len(weeks) == 6
        for label in points:
            fields = dict(part.split(": ") for part in label.split("; "))
            shown = weeks[fields["Week of"]][column]
            assert f"n = {fields['n']}" in shown
            value = float(shown.split(" ")[0]) / (1 if column == 6 else 100)
            assert abs(value - float(next(fields[name] for name in fields if name in NAMES))) < 0.0006


NAMES = {"Accepted", "First pass", "Review score"}


def test_each_drawn_shape_is_an_edit_of_the_latest_review(samples: Path, page: Path, browser: webdriver.Chrome) -> None:
    report_page.show(browser, page, project=HARBOUR)
    drawn = report_page.drawings(browser)
    with duckdb.connect(str(samples / "warehouse.duckdb"), read_only=True) as db:
        rows = db.execute(
            """select external_id, edit, count(*) from marts.asset_quality
            join marts.review_vs_default as pairs using (asset_id, external_id)
            join marts.review_edits using (asset_id, review_label_key, default_label_key)
            where pairs.project_id = ? and look_again_rank is not null and is_latest_review and kind = 'object'
            group by all""",
            [HARBOUR],
        ).fetchall()
    twice = ("moved", "relabelled_and_moved")  # the annotator's shape, and the reviewer's
    assert drawn == {(name, edit): n * (2 if edit in twice else 1) for name, edit, n in rows}
    colours = {edit: report_page.colour(browser, edit) for _, edit in drawn}
    assert len(set(colours.values())) == len(colours) >= 4


HOSTILE = """</script><script>window.broken = 1</script><img src=x onerror="window.broken = 1">'"&lt;"""


def test_hostile_names_stay_text(samples: Path, tmp_path: Path, browser: webdriver.Chrome) -> None:
    file = tmp_path / "warehouse.duckdb"
    shutil.copy((samples / "warehouse.duckdb").resolve(), file)
    with duckdb.connect(str(file)) as db:
        columns = db.execute(
            """select schema_name || '.' || table_name, column_name from duckdb_columns()
            where schema_name in ('marts', 'kili') and data_type = 'VARCHAR' and column_name in (
                'author_email', 'annotator_email', 'reviewer_email', 'external_id', 'status', 'model_name', 'job_name',
                'category', 'default_category', 'review_category', 'project_name', 'layout', 'text')"""
        ).fetchall()
        for table, column in columns:
            name = "'x' || ?" if column.endswith("_email") else f"{column} || ?"
            db.execute(f"update {table} set {column} = {name} where {column} is not null", [HOSTILE])
        db.execute("update kili.exports set file_url = 'x' || replace(?, '/', '')", [HOSTILE])
        db.execute("insert into kili.rejects values ('e', 'f', ?, ?, null, null, ?, '1')", [HOSTILE] * 3)
    pages.write(file, tmp_path / "site", "a release")
    report_page.show(browser, tmp_path / "site" / "index.html")
    shown = report_page.tables(browser)
    assert browser.execute_script("return window.broken") is None
    assert browser.get_log("browser") == []
    assert shown["rejects"] == [("f", HOSTILE, HOSTILE, HOSTILE)]
    assert all(HOSTILE in row[0] for row in shown["models"] if row[0] != "no name")
    assert all(HOSTILE in row[0] for row in shown["ranked"])
    assert all(row[0].startswith("x</script>") for row in shown["annotators"])


@pytest.mark.parametrize(
    ("width", "height", "scheme", "section", "picture"),
    [(1280, 830, "light", None, "report"), (390, 830, "dark", "#assets figure", "report_phone")],
    ids=["desktop", "phone"],
)
def test_the_page_fits_the_width(
    width: int,
    height: int,
    scheme: str,
    section: str | None,
    picture: str,
    page: Path,
    browser: webdriver.Chrome,
    screenshots: Path | None,
) -> None:
    report_page.as_device(browser, width, scheme, height)
    report_page.at(browser, "2026-11-17T06:00Z")
    report_page.show(browser, page, project=HARBOUR)
    charts = browser.find_elements(By.CSS_SELECTOR, "#quality .chart")
    assert all(report_page.marks(browser, chart, "point") for chart in charts)
    if section:
        browser.execute_script("document.querySelector(arguments[0]).scrollIntoView()", section)
    if screenshots is not None:
        browser.save_screenshot(str(screenshots / f"{picture}.png"))
    browser.execute_script("for (const element of document.querySelectorAll('details')) element.open = true")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    report_page.as_device(browser, 1280, "light")


def test_a_print_is_light_and_has_no_filters(page: Path, browser: webdriver.Chrome) -> None:
    report_page.as_device(browser, 1280, "dark")
    report_page.show(browser, page)
    body, filters = (browser.find_element(By.CSS_SELECTOR, name) for name in ("body", "#filters"))
    on_screen = (body.value_of_css_property("color"), filters.is_displayed())
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    printed = (body.value_of_css_property("color"), filters.is_displayed())
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    assert (on_screen, printed) == (("rgba(231, 236, 242, 1)", True), ("rgba(24, 33, 43, 1)", False))
    report_page.as_device(browser, 1280, "light")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_axe_finds_nothing_serious(width: int, scheme: str, page: Path, browser: webdriver.Chrome) -> None:
    if not AXE.exists():
        pytest.skip("NOT TESTED BY AXE: make browser installs axe-core by npm")
    report_page.as_device(browser, width, scheme)
    for chosen in ({}, {"project": HARBOUR, "from": "2026-10-12", "to": "2026-10-26", "person": key("user-viktor")}):
        report_page.show(browser, page, **chosen)
        report_page.tables(browser)  # unfolds the tables
        browser.execute_script("for (const element of document.querySelectorAll('details')) element.open = true")
        browser.execute_script(AXE.read_text())
        result = browser.execute_async_script("axe.run().then(arguments[0])")
        serious = [found for found in result["violations"] if found["impact"] in ("serious", "critical")]
        assert [(found["id"], [node["html"] for node in found["nodes"]][:3]) for found in serious] == []
        assert len(result["passes"]) > 20
    report_page.as_device(browser, 1280, "light")


@pytest.mark.parametrize("library", ["vega", "vega-lite"])
def test_the_copies_of_vega_are_those_of_npm(library: str) -> None:
    packages = AXE.parent.parent
    if not packages.exists():
        pytest.skip("NOT COMPARED WITH NPM: make browser")
    made = packages / library / "build" / f"{library}.min.js"
    held = ROOT / "pipelines" / "publishing" / "report" / "vega" / f"{library}.min.js"
    assert held.read_bytes() == made.read_bytes()
