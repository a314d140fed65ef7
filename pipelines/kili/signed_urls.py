"""Removes signing parameters from URLs: they differ in every export, and they give any reader access to the content."""

import re
from typing import Any, Final

_HINTS: Final = (b"ignature=", b"sig=")
_ESCAPED: Final = b"\\u003d"
_URL: Final = re.compile(r"""[a-z][a-z0-9+.-]*://[^\s"'<>]+""", re.IGNORECASE)
_SIGNATURE: Final = re.compile(r"(x-(amz|goog)-)?signature=|sig=", re.IGNORECASE)
_SIGNING: Final = re.compile(
    r"(x-amz-[^=]*|x-goog-[^=]*|signature|expires|policy|key-pair-id|awsaccesskeyid|googleaccessid"
    r"|s[vreptsi]|spr|sip|sig|srt|ss|sdd|skoid|sktid|skt|ske|sks|skv|saoid|suoid|scid)(=.*)?",
    re.IGNORECASE,
)


def may_be_signed(raw: bytes) -> bool:
    """Whether a record's text can contain a signed URL. This fast test spares most records the search for URLs."""
    return (b"=" in raw and any(hint in raw for hint in _HINTS)) or (b"\\" in raw and _ESCAPED in raw)


def unsigned(value: Any) -> Any:
    """Returns a JSON value whose URLs have no signing parameters of AWS, Google and Azure. Changes objects in place."""
    root = [value]
    containers: list[Any] = [root]
    while containers:
        container = containers.pop()
        for key, item in container.items() if isinstance(container, dict) else enumerate(container):
            if isinstance(item, dict | list):
                containers.append(item)
            elif isinstance(item, str) and "://" in item:
                container[key] = _URL.sub(_without_signature, item)
    return root[0]


def _without_signature(match: re.Match[str]) -> str:
    url = match[0]
    address, _, rest = url.partition("?")
    query, mark, fragment = rest.partition("#")
    parameters = query.split("&")
    if not any(_SIGNATURE.match(parameter) for parameter in parameters):
        return url
    kept = "&".join(parameter for parameter in parameters if not _SIGNING.fullmatch(parameter))
    return f"{address}{'?' if kept else ''}{kept}{mark}{fragment}"
