"""Posts messages to an incoming webhook in Slack's JSON format."""

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from typing import Any, Final

_SECONDS: Final = 10
_LONGEST: Final = 600  # characters of a paragraph, each of which may take five when escaped; Slack takes 3,000
_MOST: Final = 45  # blocks; Slack takes 50


class Undelivered(Exception):
    """The webhook did not accept the message. The text says why, without the address."""


def post(url: str, title: str, paragraphs: Sequence[str]) -> None:
    """Sends one message. Raises `Undelivered`."""
    shown = list(paragraphs[:_MOST])
    if len(paragraphs) > _MOST:
        shown.append(f"… and {len(paragraphs) - _MOST} more")
    blocks = [
        {"type": "section", "text": {"type": "mrkdwn", "text": _escaped(text)}} for text in (f"*{title}*", *shown)
    ]
    body = json.dumps({"text": "\n".join(map(_escaped, (title, *shown))), "blocks": blocks}).encode()
    try:
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.build_opener(_Stay).open(request, timeout=_SECONDS):
            pass
    except urllib.error.HTTPError as error:
        raise Undelivered(f"the webhook answered {error.code}") from None
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise Undelivered(f"the webhook did not answer: {type(reason).__name__}") from None


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the POST would become a GET without the message."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _escaped(text: str) -> str:
    return text[:_LONGEST].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
