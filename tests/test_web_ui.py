"""Requests that Dagster's UI refuses: foreign pages and host names, mutations by GET, launches with configuration."""

import http.client
import json
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest
import websocket
from conftest import COMMAND
from helpers import web_server as serving

from pipelines import cli

FOREIGN_HOSTS = (
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evil.example:3000",
    "warehouse.example.org.evil.example",
    "xwarehouse.example.org",
    "other.example.org",
    "other.example.org:443",
    "0.0.0.0:3000",
    "localhost@evil.example",
    "localhost, evil.example",
    "",
)
OWN_HOSTS = (
    "localhost",
    "LOCALHOST:3000",
    "127.0.0.1:9",
    "127.8.9.1",
    "[::1]:3000",
    "warehouse.example.org",
    "Warehouse.Example.org:9000",
    "other.example.org:8443",
)
FOREIGN_ORIGINS = ("https://evil.example", "http://localhost.evil.example", "null", "file://", "chrome-extension://abc")
JOB = "kili_warehouse"
SELECTOR = 'repositoryLocationName: "kili_warehouse", repositoryName: "__repository__"'
OF_THE_JOB = f'{{{SELECTOR}, jobName: "{JOB}"}}'
_ASSETS = '{path: ["landing", "kili"]}, {path: ["marts", "labels"]}'
OF_ASSETS = f'{{{SELECTOR}, jobName: "__ASSET_JOB", assetSelection: [{_ASSETS}]}}'
Server = tuple[subprocess.Popen[bytes], str]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The UI with its daemon on an empty warehouse, and its address."""
    folder, port = tmp_path_factory.mktemp("web_ui"), serving.free_port()
    command = [COMMAND, "ui", "--warehouse", folder / "warehouse", "--port", port]
    hosts = "warehouse.example.org, other.example.org:8443"
    with serving.started(folder / "log", *command, KILI_UI_HOSTS=hosts) as process:
        url = f"http://127.0.0.1:{port}"
        serving.wait(lambda: serving.answer(f"{url}/server_info")[0] == 200, "UI", process)
        yield process, url


@pytest.fixture(scope="module")
def ui(server: Server) -> str:
    return server[1]


def runs(ui: str) -> list[str]:
    asked = serving.graphql(ui, "{ runsOrError { ... on Runs { results { runId } } } }")
    return [run["runId"] for run in asked["runsOrError"]["results"]]


def launch(selector: str, run_config: object) -> str:
    """A mutation that starts a run."""
    parameters = f"selector: {selector}, runConfigData: {json.dumps(json.dumps(run_config))}"
    return f"""mutation {{ launchRun(executionParams: {{{parameters}}}) {{
        __typename ... on RunConfigValidationInvalid {{ errors {{ reason }} }} }} }}"""


@pytest.mark.parametrize("selector", [OF_THE_JOB, OF_ASSETS], ids=["whole job", "assets"])
@pytest.mark.parametrize(
    "run_config",
    [
        {"resources": {"io_manager": {"config": {"base_dir": "/tmp/own"}}}},
        {"resources": {"io_manager": {"config": {"base_dir": {"env": "HOME"}}}}},
        {"resources": {"settings": {"config": {"warehouse": "/tmp/own"}}}},
        {"resources": {"warehouse_lock": {"config": {"warehouse": "/tmp/own"}}}},
        {"execution": {"config": {"marker_to_close": "/tmp/own"}}},
        {"loggers": {"console": {"config": {"name": "own"}}}},
        {"ops": {"landing__kili": {"config": {"exports": "/tmp/own"}}}},
        {"ops": {"landing__kili": {"outputs": [{"result": {"pickle": {"path": "/tmp/own"}}}]}}},
    ],
    ids=lambda run_config: json.dumps(run_config).translate(str.maketrans("", "", '{}[]" ')),
)
def test_a_launch_that_sets_anything_is_refused(ui: str, selector: str, run_config: object) -> None:
    launched = serving.graphql(ui, launch(selector, run_config))["launchRun"]
    assert launched["__typename"] == "RunConfigValidationInvalid"
    assert {error["reason"] for error in launched["errors"]} <= {"FIELD_NOT_DEFINED", "FIELDS_NOT_DEFINED"}
    assert runs(ui) == []


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_foreign_host_is_refused_and_told_the_setting(ui: str, host: str) -> None:
    status, said = serving.answer(f"{ui}/server_info", Host=host)
    assert status == 403
    assert f"got Host `{host}`. If it is served under that name, add the name to KILI_UI_HOSTS" in said
    assert serving.answer(f"{ui}/graphql", {"query": "{ version }"}, Host=host)[0] == 403


@pytest.mark.parametrize("hosts", [[], ["localhost", "evil.example"]], ids=["none", "two"])
def test_a_request_without_one_host_is_refused(ui: str, hosts: list[str]) -> None:
    asked = http.client.HTTPConnection(ui.removeprefix("http://"))
    asked.putrequest("GET", "/server_info", skip_host=True)
    for host in hosts:
        asked.putheader("Host", host)
    asked.endheaders()
    assert asked.getresponse().status in (400, 403)
    asked.close()


@pytest.mark.parametrize("host", OWN_HOSTS)
def test_loopback_names_and_those_of_the_setting_are_served(ui: str, host: str) -> None:
    assert serving.answer(f"{ui}/server_info", Host=host)[0] == 200
    for origin in (f"http://{host}", f"https://{host}"):
        status, said = serving.answer(f"{ui}/graphql", {"query": "{ version }"}, Host=host, Origin=origin)
        assert (status, list(json.loads(said)["data"])) == (200, ["version"])


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_a_foreign_origin_is_refused(ui: str, origin: str) -> None:
    status, said = serving.answer(f"{ui}/graphql", {"query": launch(OF_THE_JOB, {})}, Origin=origin)
    assert status == 403
    assert f"got Origin `{origin}`" in said
    report = f"{ui}/report_asset_materialization/kili/assets"
    assert serving.answer(report, {}, Origin=origin)[0] == 403
    assert runs(ui) == []


@pytest.mark.parametrize(
    ("header", "value"),
    [*(("origin", one) for one in FOREIGN_ORIGINS), *(("host", one) for one in FOREIGN_HOSTS if one)],
)
def test_a_websocket_of_a_foreign_page_or_name_is_refused(ui: str, header: str, value: str) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        open_socket(ui, **{header: value})
    assert refused.value.status_code == 403
    assert b"KILI_UI_HOSTS" in refused.value.resp_body


@pytest.mark.parametrize("host", OWN_HOSTS)
def test_a_websocket_of_an_own_page_is_served(ui: str, host: str) -> None:
    opened = open_socket(ui, host=host, origin=f"https://{host}")
    opened.send('{"type": "connection_init"}')
    assert opened.recv() == '{"type":"connection_ack"}'
    opened.close()


def open_socket(ui: str, **options: str) -> websocket.WebSocket:
    address = f"{ui.replace('http', 'ws', 1)}/graphql"
    return websocket.create_connection(address, subprotocols=["graphql-ws"], timeout=60, **options)


def test_graphql_by_get_is_refused_and_its_page_is_shown(ui: str) -> None:
    query = f"{ui}/graphql?query={quote(launch(OF_THE_JOB, {}))}"
    assert serving.answer(query) == (405, "Refused: send GraphQL by POST.\n")
    status, page = serving.answer(query, Accept="text/html")
    assert (status, "<html" in page) == (200, True)
    assert runs(ui) == []


@pytest.mark.parametrize("content_type", ["text/plain", "text/plain; application/json", "application/graphql", ""])
def test_graphql_that_a_form_of_any_page_can_post_is_refused(ui: str, content_type: str) -> None:
    """Dagster itself reads the query string of such a POST."""
    mutation = launch(OF_THE_JOB, {})
    address = f"{ui}/graphql?query={quote(mutation)}"
    status, said = serving.answer(address, {"query": mutation}, **{"Content-Type": content_type})
    assert (status, said) == (415, "Refused: send GraphQL with Content-Type application/json.\n")
    assert runs(ui) == []


@pytest.mark.parametrize("page", ["/", "/assets", "/graphql"])
def test_a_foreign_page_cannot_show_the_ui_in_a_frame(ui: str, page: str) -> None:
    request = urllib.request.Request(ui + page, headers={"Accept": "text/html"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert (answer.status, answer.headers.get_all("X-Frame-Options")) == (200, ["SAMEORIGIN"])


@pytest.mark.parametrize("command", ["ui", "webserver"])
def test_a_port_that_cannot_be_had_is_told_in_a_sentence(
    ui: str, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_use = ui.rpartition(":")[2]
    for port, reason in ((in_use, "Address already in use"), ("70000", "there is no such port")):
        assert cli.main([command, "--warehouse", str(tmp_path), "--port", port]) == 2
        said = f"kili-warehouse: --port must be a free port of 127.0.0.1 up to 65535, got `{port}`: {reason}\n"
        assert capsys.readouterr().err == said


def test_an_interrupt_ends_the_ui_and_all_that_it_started(server: Server) -> None:
    """The last test, because it ends the UI of the tests above. It interrupts only the UI's process, not its group."""
    process, _ = server
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 3  # daemon, code server and its proxy
    process.send_signal(signal.SIGINT)
    assert process.wait(serving.PATIENCE) == 0
    assert psutil.wait_procs(family, serving.PATIENCE)[1] == []


def test_the_ui_ends_if_its_daemon_does(tmp_path: Path) -> None:
    log, port = tmp_path / "log", serving.free_port()
    with serving.started(log, COMMAND, "ui", "--warehouse", tmp_path / "warehouse", "--port", port) as process:
        serving.wait(lambda: serving.answer(f"http://127.0.0.1:{port}/server_info")[0] == 200, "UI", process)
        family = psutil.Process(process.pid).children(recursive=True)
        [daemon] = [member for member in family if "dagster._daemon" in member.cmdline()]
        daemon.kill()
        assert process.wait(serving.PATIENCE) == 1
        assert psutil.wait_procs(family, serving.PATIENCE)[1] == []
    assert "kili-warehouse: Dagster's daemon ended with status -9; its log above gives the reason" in log.read_text()
