"""Refuses cross-site requests to Dagster's UI, which has no log-in."""

import ipaddress
import re
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipelines.setting_forms import HOST


class RequestGuard:
    """ASGI middleware: answers 403 unless Host, and Origin if it is sent, name this machine or one of `ui_hosts`.

    Host: prevents DNS rebinding, where a foreign name resolves to 127.0.0.1.
    Origin: prevents requests and websockets from foreign pages. Browsers send it with both, and with every POST.
    X-Frame-Options: prevents clickjacking, where a foreign page shows the UI in a frame.
    """

    def __init__(self, app: ASGIApp, ui_hosts: Sequence[str]) -> None:
        self._app = app
        self._ui_hosts = frozenset(ui_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forwards a request or websocket, or refuses it. A websocket is refused before it is accepted."""
        app = self._app
        if scope["type"] != "lifespan":
            headers = Headers(scope=scope)
            hosts, origins = headers.getlist("host"), headers.getlist("origin")
            if len(hosts) != 1 or not self._is_allowed(hosts[0]):
                app = _refusal("Host", ", ".join(hosts))
            elif not all(self._is_allowed(re.sub("^https?://", "", origin)) for origin in origins):
                app = _refusal("Origin", ", ".join(origins))

        async def send_unframed(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Frame-Options"] = "SAMEORIGIN"
            await send(message)

        await app(scope, receive, send_unframed)

    def _is_allowed(self, authority: str) -> bool:
        """Whether a host is a loopback name, on any port, or one of `ui_hosts`, as listed."""
        parts = HOST.fullmatch(authority.lower())
        return parts is not None and (
            _is_loopback(parts["name"]) or not self._ui_hosts.isdisjoint((parts["name"], parts[0]))
        )


def _is_loopback(name: str) -> bool:
    try:
        return name == "localhost" or ipaddress.ip_address(name.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


def _refusal(header: str, received: str) -> PlainTextResponse:
    return PlainTextResponse(
        f"Refused: this UI answers requests to localhost and to the hosts in KILI_UI_HOSTS, got {header} `{received}`. "
        "If it is served under that name, add the name to KILI_UI_HOSTS and restart it.\n",
        status_code=403,
    )
