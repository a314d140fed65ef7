"""Signing parameters cut from URLs: they change with every export and open the content to whoever reads them."""

import re
from typing import Any, Final

_HINTS: Final = (b"ignature=", b"sig=")
_URL: Final = re.compile(r"[a-z][a-z0-9+.-]*://\S+\Z", re.IGNORECASE)
_SIGNATURE: Final = re.compile(r"(x-(amz|goog)-)?signature=|sig=", re.IGNORECASE)
_SIGNING: Final = re.compile(
    r"(x-amz-[^=]*|x-goog-[^=]*|signature|expires|policy|key-pair-id|awsaccesskeyid|googleaccessid"
    r"|s[vreptsi]|spr|sip|sig|srt|ss|sdd|skoid|sktid|skt|ske|sks|skv|saoid|suoid|scid)(=.*)?",
    re.IGNORECASE,
)


def may_be_signed(raw: bytes) -> bool:
    """Whether a record's text can hold a signed URL: a quick look that spares the long one."""
    return any(hint in raw for hint in _HINTS)


def unsigned(value: Any) -> Any:
    """A JSON value with the signing parameters of AWS, Google and Azure cut from each text that is a signed URL."""
    if isinstance(value, str):
        return _without_signature(value) if _URL.match(value) else value
    if isinstance(value, dict):
        return {key: unsigned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unsigned(item) for item in value]
    return value


def _without_signature(url: str) -> str:
    address, _, rest = url.partition("?")
    query, mark, fragment = rest.partition("#")
    parameters = query.split("&")
    if not any(_SIGNATURE.match(parameter) for parameter in parameters):
        return url
    kept = "&".join(parameter for parameter in parameters if not _SIGNING.fullmatch(parameter))
    return f"{address}{'?' if kept else ''}{kept}{mark}{fragment}"
