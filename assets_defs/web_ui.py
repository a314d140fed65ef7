"""Dagster's UI on loopback, behind the request guard: read-only by itself, or together with the daemon."""

import contextlib
import logging
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import dagster as dg
import uvicorn
import yaml
from dagster._cli.proxy_server_manager import ProxyServerManager
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._utils.log import configure_loggers
from dagster_webserver.version import __version__
from dagster_webserver.webserver import DagsterWebserver
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from assets_defs import instance as dagster_instance
from assets_defs import request_guard
from pipelines import settings
from pipelines.settings import Settings

log = logging.getLogger("dagster-webserver")  # a logger that Dagster shows on the terminal

_HOST: Final = "127.0.0.1"
_QUERY_LIMITS: Final = (15_000, 3_600, 20)  # as in `dagster-webserver`: milliseconds, seconds, connections
_POLL: Final = 2_000  # milliseconds, as in `dagster-webserver`
_DAEMON_GRACE: Final = 60  # seconds for the daemon to end, as in `dagster dev`
_JSON: Final = "application/json"
_UVICORN: Final[dict[str, Any]] = {"log_level": "warning", "timeout_graceful_shutdown": 5}


class DaemonEnded(Exception):
    """The daemon has ended unexpectedly, so sensors and schedules would never run."""


class _Webserver(DagsterWebserver[WorkspaceProcessContext, Any]):
    """Dagster's webserver. Its GraphQL accepts only requests that a browser does not send for a foreign page."""

    def __init__(self, context: WorkspaceProcessContext, path_prefix: str, ui_hosts: tuple[str, ...]) -> None:
        self._ui_hosts = ui_hosts
        super().__init__(context, path_prefix, _POLL)

    def build_middleware(self) -> list[Middleware]:
        return [Middleware(request_guard.RequestGuard, ui_hosts=self._ui_hosts), *super().build_middleware()]

    async def graphql_http_endpoint(self, request: Request) -> Response:
        """Answers POST with JSON, and GET with the query page. Dagster itself also runs mutations by GET."""
        is_page = request.method == "GET" and "text/html" in request.headers.get("Accept", "")
        if not is_page and request.method != "POST":
            return PlainTextResponse("Refused: send GraphQL by POST.\n", status_code=405, headers={"Allow": "POST"})
        if not is_page and request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != _JSON:
            return PlainTextResponse(f"Refused: send GraphQL with Content-Type {_JSON}.\n", status_code=415)
        answer: Response = await super().graphql_http_endpoint(request)
        return answer


def serve(chosen: Settings, port: int, path_prefix: str) -> None:
    """Serves the read-only UI until it is interrupted. Raises `BadSetting` if the port is not free."""
    prefix = f"/{path_prefix.strip('/')}".rstrip("/")
    with (
        _bound(port) as listener,
        _until_interrupted(),
        _instance(chosen) as instance,
        _app(instance, dagster_instance.WORKSPACE, chosen, prefix, is_read_only=True) as app,
    ):
        _log_address(port, prefix)
        uvicorn.Server(uvicorn.Config(app, **_UVICORN)).run(sockets=[listener])


def serve_with_daemon(chosen: Settings, port: int) -> None:
    """Serves the UI and runs Dagster's daemon until interrupted. Both use one code server, as in `dagster dev`.

    Raises `BadSetting` if the port is not free, and `DaemonEnded`.
    """
    with (
        _bound(port) as listener,
        _until_interrupted(),
        _instance(chosen) as instance,
        _code_server(instance) as workspace,
        _daemon(workspace) as daemon,
        _app(instance, workspace, chosen) as app,
    ):

        async def watch_daemon() -> None:
            server.should_exit |= daemon.poll() is not None

        server = uvicorn.Server(uvicorn.Config(app, **_UVICORN, callback_notify=watch_daemon, timeout_notify=1))
        _log_address(port)
        server.run(sockets=[listener])  # an interrupt raises KeyboardInterrupt here
        raise DaemonEnded(f"Dagster's daemon ended with status {daemon.poll()}; its log above gives the reason")


@contextmanager
def _until_interrupted() -> Iterator[None]:
    """Ends without an error at SIGINT and SIGTERM, even if a shell started the process with SIGINT ignored."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        yield


@contextmanager
def _bound(port: int) -> Iterator[socket.socket]:
    """A socket bound to the port on loopback, before anything is started. Raises `BadSetting` if it is not free."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_HOST, port))
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) else "there is no such port"
            raise settings.BadSetting(
                f"--port must be a free port of {_HOST} up to 65535, got `{port}`: {reason}"
            ) from None
        yield listener


def _instance(chosen: Settings) -> dg.DagsterInstance:
    configure_loggers(formatter="colored", log_level="INFO")
    dagster_instance.enter(chosen)
    instance = dg.DagsterInstance.get()
    instance.optimize_for_webserver(*_QUERY_LIMITS)
    return instance


@contextmanager
def _code_server(instance: dg.DagsterInstance) -> Iterator[Path]:
    """Starts a code server and yields a workspace file with its socket. The server is restarted if it ends."""
    target = WorkspaceFileTarget([str(dagster_instance.WORKSPACE)])
    with ProxyServerManager(instance, target, "warning") as manager, tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder, "workspace.yaml")
        workspace.write_text(yaml.safe_dump({"load_from": list(manager.get_code_server_specs())}))
        yield workspace


@contextmanager
def _daemon(workspace: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "dagster._daemon", "run", "-w", str(workspace)]
    with subprocess.Popen(command) as daemon:
        try:
            yield daemon
        finally:
            daemon.terminate()
            try:
                daemon.wait(_DAEMON_GRACE)
            except subprocess.TimeoutExpired:
                daemon.kill()


@contextmanager
def _app(
    instance: dg.DagsterInstance,
    workspace: Path,
    chosen: Settings,
    path_prefix: str = "",
    *,
    is_read_only: bool = False,
) -> Iterator[Starlette]:
    target = WorkspaceFileTarget([str(workspace)])
    with WorkspaceProcessContext(instance, target, __version__, is_read_only) as context:
        yield _Webserver(context, path_prefix, chosen.ui_hosts).create_asgi_app()


def _log_address(port: int, path_prefix: str = "") -> None:
    log.info("Serving the UI on http://%s:%d%s", _HOST, port, path_prefix)
