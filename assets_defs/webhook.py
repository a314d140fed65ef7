"""Posts messages to the incoming webhook of a chat, as JSON for Slack and compatible services."""

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from typing import Any, Final

_TIMEOUT: Final = 10  # seconds
_MAX_LENGTH: Final = 600  # characters of a paragraph; an escaped one takes up to five, and Slack accepts 3,000
_MAX_BLOCKS: Final = 45  # Slack accepts 50


class Undelivered(Exception):
    """The webhook did not accept the message. The error gives the reason and never the URL, which is secret."""


def post(url: str, title: str, paragraphs: Sequence[str]) -> None:
    """Sends one message. Raises `Undelivered`."""
    shown = list(paragraphs[:_MAX_BLOCKS])
    if len(paragraphs) > _MAX_BLOCKS:
        shown.append(f"… and {len(paragraphs) - _MAX_BLOCKS} more")
    blocks = [
        {"type": "section", "text": {"type": "mrkdwn", "text": _escaped(text)}} for text in (f"*{title}*", *shown)
    ]
    body = json.dumps({"text": "\n".join(map(_escaped, (title, *shown))), "blocks": blocks}).encode()
    try:
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.build_opener(_NoRedirects).open(request, timeout=_TIMEOUT):
            pass
    except urllib.error.HTTPError as error:
        raise Undelivered(f"the webhook answered {error.code}") from None
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise Undelivered(f"the webhook did not answer: {type(reason).__name__}") from None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: a redirected POST becomes a GET, which may succeed without delivering the message."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _escaped(text: str) -> str:
    return text[:_MAX_LENGTH].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
