"""A webhook on this machine: a real server that stores the messages it receives."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Hook(ThreadingHTTPServer):
    """Answers each POST with `status` and stores the accepted messages."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.taken: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/services/s3cret"

    def told(self) -> list[str]:
        """The paragraphs of the messages since the last call, without their titles."""
        taken, self.taken = self.taken, []
        return [line for message in taken for line in message["text"].splitlines()[1:]]


class _Handler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.status == 200:
            self.server.taken.append(body)
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def listening() -> Iterator[Hook]:
    """A webhook for the duration of the block."""
    with Hook() as hook:
        threading.Thread(target=hook.serve_forever, daemon=True).start()
        try:
            yield hook
        finally:
            hook.shutdown()
