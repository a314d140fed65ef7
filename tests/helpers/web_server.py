"""Starts real servers for tests and waits until they answer."""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import psutil

Found = TypeVar("Found")

PATIENCE = 400  # seconds, on a machine that is busy with other tests


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def wait(
    until: Callable[[], Found | None],
    what: str,
    process: subprocess.Popen[bytes] | None = None,
    patience: float = PATIENCE,
) -> Found:
    """What `until` gives once it gives something; fails where that takes too long, or the process ends first."""
    give_up_at = time.monotonic() + patience
    while time.monotonic() < give_up_at:
        if found := until():
            return found
        assert process is None or process.poll() is None, f"the server ended before there was {what}"
        time.sleep(0.1)
    raise AssertionError(f"no {what} after {patience} seconds")


@contextmanager
def started(log: Path, *command: object, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server without the developer's settings. It is killed at the end with its child processes."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("KILI_")}
    with log.open("ab") as said:
        process = subprocess.Popen(
            list(map(str, command)), env=inherited | environment, stdout=said, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        kill_all(process)


def kill_all(process: subprocess.Popen[bytes]) -> int:
    """Kills a server and its child processes at once. Returns their number."""
    if process.poll() is not None:
        return 0
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for member in family:
        member.kill()
    psutil.wait_procs(family)
    process.wait()
    return len(family)


def answer(url: str, body: object = None, **headers: str) -> tuple[int, str]:
    """Status and text of an answer; (0, "") where nobody answers."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except (urllib.error.URLError, ConnectionError):
        return 0, ""


def graphql(url: str, query: str) -> Any:
    """The reply of Dagster's API."""
    return json.loads(answer(f"{url}/graphql", {"query": query})[1])["data"]
