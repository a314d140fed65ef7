"""Dagster's UI on a server: read-only, under a path, in a real browser, and behind a real nginx.

`make screenshots` renews the pictures of the README.
"""

import base64
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import websocket
from conftest import COMMAND, ROOT
from helpers import web_server as serving
from helpers.browser import needs_browser, started
from selenium import webdriver
from selenium.webdriver.common.by import By

GROUPS = {"landing", "kili", "staging", "intermediate", "comparison", "marts", "published"}
PREFIX = "/dagster"
PRODUCTION = (ROOT / "docs" / "production.md").read_text()
[PUBLIC] = re.findall(r"^KILI_UI_HOSTS=(\S+)$", PRODUCTION, re.MULTILINE)
PASSWORD = {"Authorization": "Basic " + base64.b64encode(b"ana:secret").decode()}
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
LAUNCH = """mutation { launchRun(executionParams: {selector: {repositoryLocationName: "kili_warehouse",
    repositoryName: "__repository__", jobName: "kili_warehouse"}}) { __typename } }"""

needs_nginx = pytest.mark.skipif(not NGINX, reason="NOT TESTED BEHIND A PROXY: apt-get install nginx-light")


@pytest.fixture(scope="module")
def ui(samples: Path) -> Iterator[str]:
    """The address of the UI on the samples' warehouse, as a server runs it."""
    port = serving.free_port()
    url = f"http://127.0.0.1:{port}{PREFIX}"
    command = [COMMAND, "webserver", "--warehouse", samples, "--port", port, "--path-prefix", PREFIX]
    with serving.started(samples / "work" / "webserver.log", *command, KILI_UI_HOSTS=PUBLIC) as server:
        serving.wait(lambda: serving.answer(f"{url}/server_info")[0] == 200, "webserver", server)
        yield url


@pytest.fixture(scope="module")
def proxied(ui: str) -> Iterator[str]:
    """The address of the same UI behind nginx with the configuration in docs/production.md."""
    port = serving.free_port()
    [location] = re.findall(r"```nginx\n(.*?)```", PRODUCTION, re.DOTALL)
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "htpasswd").write_text("ana:{PLAIN}secret\n")
        location = location.replace("127.0.0.1:3000", ui.removeprefix("http://").removesuffix(PREFIX))
        location = location.replace("/etc/nginx/dagster.htpasswd", f"{place}/htpasswd")
        temporary = "".join(
            f"{kind}_temp_path {place}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (Path(place) / "nginx.conf").write_text(
            f"user root; daemon off; pid {place}/pid; error_log stderr; events {{}}"
            f"http {{ access_log off; {temporary} server {{ listen 127.0.0.1:{port}; {location} }} }}"
        )
        with serving.started(Path(place) / "log", NGINX, "-p", place, "-c", f"{place}/nginx.conf") as server:
            serving.wait(lambda: serving.answer(f"http://127.0.0.1:{port}/")[0], "nginx", server)
            yield f"http://127.0.0.1:{port}{PREFIX}"


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    with started("window-size=2000,1000", f"host-resolver-rules=MAP {PUBLIC} 127.0.0.1") as driver:
        yield driver


def text(browser: webdriver.Chrome) -> str:
    return str(browser.execute_script("return document.body.innerText"))


def keep(browser: webdriver.Chrome, screenshots: Path | None, name: str) -> None:
    if screenshots is not None:
        browser.save_screenshot(str(screenshots / f"{name}.png"))


def groups_drawn(browser: webdriver.Chrome) -> set[str]:
    return {
        node.text.split("\n")[0] for node in browser.find_elements(By.CSS_SELECTOR, "svg foreignObject") if node.text
    }


@needs_browser
def test_the_lineage_graph_shows_every_group(ui: str, browser: webdriver.Chrome, screenshots: Path | None) -> None:
    browser.get(f"{ui}/asset-groups")
    serving.wait(lambda: groups_drawn(browser) >= GROUPS and "fetching" not in text(browser), "graph", patience=60)
    keep(browser, screenshots, "lineage")
    assert groups_drawn(browser) == GROUPS


@needs_browser
def test_an_asset_page_shows_its_numbers(ui: str, browser: webdriver.Chrome, screenshots: Path | None) -> None:
    browser.get(f"{ui}/assets/marts/labels")
    serving.wait(lambda: "Row count\n996" in text(browser), "row count")
    serving.wait(
        lambda: re.search(r"Latest materialization\n.*(ago|[AP]M)\n", text(browser)), "the newest materialization"
    )
    keep(browser, screenshots, "asset")
    shown = text(browser)
    assert "One row for each label" in shown
    assert "Never materialized" not in shown


@needs_browser
@pytest.mark.parametrize("asset", ["marts/labels", "marts/score_reconciliation"])
def test_the_checks_of_an_asset_are_green(
    asset: str, ui: str, browser: webdriver.Chrome, screenshots: Path | None
) -> None:
    browser.get(f"{ui}/assets/{asset}?view=checks")
    count = int(serving.wait(lambda: re.search(r"Checks \((\d+)\)", text(browser)), "checks")[1])
    serving.wait(lambda: text(browser).count("Succeeded") >= count, "verdicts")
    keep(browser, screenshots, "checks")
    assert not re.search("Failed|Not Evaluated|Warning", text(browser))


def test_a_read_only_ui_starts_no_run(ui: str) -> None:
    assert serving.graphql(ui, LAUNCH) == {"launchRun": {"__typename": "UnauthorizedError"}}


@needs_nginx
def test_the_proxy_asks_for_a_password_and_passes_everything_on(ui: str, proxied: str) -> None:
    assert serving.answer(proxied + "/")[0] == 401
    status, page = serving.answer(proxied + "/", **PASSWORD)
    assert status == 200
    scripts = re.findall(r'src="(/[^"]+\.js)"', page)
    assert scripts
    assert all(script.startswith(PREFIX) for script in scripts)
    root = proxied.removesuffix(PREFIX)
    assert serving.answer(root + scripts[0], **PASSWORD) == serving.answer(ui.removesuffix(PREFIX) + scripts[0])


@needs_nginx
@pytest.mark.parametrize(
    ("host", "page", "status"),
    [
        pytest.param(PUBLIC, f"https://{PUBLIC}", 200, id="its public name"),
        pytest.param(f"{PUBLIC}:8443", f"https://{PUBLIC}:8443", 200, id="its public name with a port"),
        pytest.param(PUBLIC, "https://evil.example", 403, id="a foreign page"),
        pytest.param("evil.example", "https://evil.example", 403, id="a foreign name"),
    ],
)
def test_the_proxy_passes_on_what_comes_by_its_public_name(proxied: str, host: str, page: str, status: int) -> None:
    query = {"query": "{ version }"}
    assert serving.answer(f"{proxied}/graphql", query, Host=host, Origin=page, **PASSWORD)[0] == status
    address = f"{proxied.replace('http', 'ws', 1)}/graphql"

    def connect() -> websocket.WebSocket:
        return websocket.create_connection(
            address, header=PASSWORD, host=host, origin=page, subprotocols=["graphql-ws"], timeout=60
        )

    if status == 200:
        socket = connect()
        socket.send('{"type": "connection_init"}')
        assert socket.recv() == '{"type":"connection_ack"}'
        socket.close()
    else:
        with pytest.raises(websocket.WebSocketBadStatusException, match=str(status)):
            connect()


@needs_nginx
@needs_browser
def test_a_browser_shows_the_ui_by_the_public_name_of_the_proxy(proxied: str, browser: webdriver.Chrome) -> None:
    public = proxied.replace("127.0.0.1", PUBLIC)
    browser.get(f"{public.replace('//', '//ana:secret@', 1)}/server_info")  # the browser keeps the password
    browser.get(f"{public}/asset-groups")
    serving.wait(lambda: groups_drawn(browser) == GROUPS, "graph", patience=60)
    assert browser.current_url == f"{public}/asset-groups"
