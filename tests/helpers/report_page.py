"""The quality report as a browser shows it."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from helpers.web_server import wait

Tables = dict[str, list[tuple[str, ...]]]

_TABLES = """
    for (const more of document.querySelectorAll(".more[aria-expanded=false]")) more.click();
    const shown = (cell) => {
        const measure = cell.querySelector(".measure");
        if (measure) return measure.querySelector(".value").textContent + (measure.title ? ` [${measure.title}]` : "");
        const none = cell.querySelector(".none");
        if (none) return `– ${none.title}`;
        const copy = cell.cloneNode(true);
        for (const hidden of copy.querySelectorAll(".hidden, small")) hidden.remove();
        return copy.textContent.trim();
    };
    return Object.fromEntries([...document.querySelectorAll("table[id]")].map((table) =>
        [table.id, [...table.querySelectorAll("tbody tr")].map((row) => [...row.children].map(shown))]));"""


def data(page: Path) -> Any:
    """The data that a page holds."""
    [block] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    return json.loads(block)


def show(browser: webdriver.Chrome, page: Path, **chosen: str | None) -> None:
    """Opens a page with filters in its address."""
    browser.get("about:blank")  # else a change of the address alone would not load the page again
    browser.get(f"{page.as_uri()}#{urlencode({name: value for name, value in chosen.items() if value})}")


def tables(browser: webdriver.Chrome) -> Tables:
    """The rows of each table, unfolded: values with what is on hover in brackets, and dashes with their reasons."""
    found = browser.execute_script(_TABLES)
    return {name: [tuple(row) for row in rows] for name, rows in found.items()}


def at(browser: webdriver.Chrome, time: str) -> None:
    """Sets the clock of the pages that open next."""
    script = f"Date.now = () => new Date('{time}').getTime()"
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})


def as_device(browser: webdriver.Chrome, width: int, scheme: str, height: int = 900) -> None:
    """Makes the window as wide as a device, with a colour scheme."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 700}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def marks(browser: webdriver.Chrome, chart: WebElement, kind: str) -> list[str]:
    """What Vega says of each mark of a kind in a chart."""
    script = f"""
        return [...arguments[0].querySelectorAll('[aria-roledescription="{kind}"]')]
            .map((mark) => mark.getAttribute("aria-label"))"""
    return wait(lambda: browser.execute_script(script, chart), f"{kind} marks")


def drawings(browser: webdriver.Chrome) -> dict[tuple[str, str], int]:
    """How many shapes of each edit are drawn, by the name of the asset and the edit, but for those not reviewed."""
    tables(browser)
    shapes = browser.execute_script(
        """return [...document.querySelectorAll("article")].flatMap((article) =>
            [...article.querySelectorAll(".shape")].map((shape) => [article.querySelector("h4").textContent,
                shape.getAttribute("style").match(/--edit: var\\(--([a-z-]+)\\)/)[1].replaceAll("-", "_")]))"""
    )
    return Counter((name, edit) for name, edit in shapes if edit != "unreviewed")


def colour(browser: webdriver.Chrome, edit: str) -> str:
    """The colour of the shapes of an edit."""
    shape = browser.find_element(By.CSS_SELECTOR, f'.shape[style*="--{edit.replace("_", "-")})"]')
    return str(shape.value_of_css_property("stroke"))
