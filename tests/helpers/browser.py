"""A headless Chromium that tests drive, without a network of its own."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from selenium import webdriver

BROWSER = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "headless",
    "no-sandbox",
    "disable-gpu",
    "disable-quic",
    "no-first-run",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
)

needs_browser = pytest.mark.skipif(
    not (BROWSER and DRIVER), reason="NOT TESTED IN A BROWSER: apt-get install chromium chromium-driver"
)


@contextmanager
def started(*flags: str) -> Iterator[webdriver.Chrome]:
    """A browser with a new profile, which keeps what pages write to the console."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(BROWSER)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with tempfile.TemporaryDirectory() as profile:
        for flag in (*FLAGS, *flags, f"user-data-dir={profile}"):
            options.add_argument(f"--{flag}")
        with webdriver.Chrome(options, webdriver.ChromeService(str(DRIVER))) as driver:
            yield driver
