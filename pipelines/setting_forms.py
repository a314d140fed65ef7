"""Types of settings, which parse and check the text of a variable, and the error sentence for a wrong value."""

import os
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic.fields import FieldInfo
from pydantic_settings import NoDecode

HOST: Final = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d+)?")  # with or without port, in lower case
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]{,30}://", re.IGNORECASE)
_MAX_SHOWN: Final = 100  # characters of a value in an error
_PEBIBYTE: Final = 1 << 50
_CENTURY: Final = 100 * 366  # days


@dataclass(frozen=True)
class Form:
    """The expected form of a setting, as the end of the sentence "it must be …"."""

    words: str


def folder(path: Path) -> Path:
    """The absolute path of a folder that exists or can be created. Raises `ValueError` with the reason."""
    try:
        absolute = path.expanduser().resolve()
        existing = next(parent for parent in (absolute, *absolute.parents) if parent.exists())
        if existing.is_dir():
            return absolute
    except RuntimeError:  # raised by expanduser and by resolve
        has_user = str(path).startswith("~")
        raise ValueError("there is no such user" if has_user else "its links form a loop") from None
    except OSError as error:
        raise ValueError(error.strerror) from None
    raise ValueError(f"{shortened(existing)} is a file")


def error_sentence(name: str, field: FieldInfo, value: object, reason: str = "") -> str:
    """The expected form and the received value of a wrong setting. Of a secret, it shows only the URL's scheme."""
    shown = shortened(value)
    if is_secret(field):
        scheme = _SCHEME.match(shown)
        shown = f"{scheme[0]}…" if scheme else ""
    received = f", got `{shown}`" if shown else ""
    return f"{name} must be {expected(field)}{received}{reason and f': {reason}'}"


def expected(field: FieldInfo) -> str:
    """The expected form of a setting in words."""
    return next(form.words for form in field.metadata if isinstance(form, Form))


def is_secret(field: FieldInfo) -> bool:
    """Whether the value is secret and must never be shown: its field is declared with `repr=False`."""
    return not field.repr


def processors() -> int:
    """One for each processor that the process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shortened(value: object) -> str:
    """A value as it is shown in an error: its first characters."""
    text = str(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}… ({len(text)} characters)"


def _zone(zone: str | ZoneInfo) -> ZoneInfo:
    try:
        return zone if isinstance(zone, ZoneInfo) else ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder, or a very long one
        raise ValueError from None


def _cron(cron: str) -> str:
    from croniter import croniter  # the import takes a tenth of a second, which most commands need not spend

    try:
        croniter(cron).get_next()
        has_five_fields = len(croniter.expand(cron)[0]) == 5
    except (ValueError, KeyError):
        has_five_fields = False
    if not has_five_fields:
        raise ValueError
    return cron


def _parts(text: str | tuple[str, ...]) -> tuple[str, ...]:
    """The distinct values between commas, in order."""
    parts = text.split(",") if isinstance(text, str) else text
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))


Folder = Annotated[Path, AfterValidator(folder), Form("a folder that exists or can be created")]
OptionalFolder = Annotated[Folder | None, Form("a folder that exists or can be created")]
Zone = Annotated[ZoneInfo, BeforeValidator(_zone), Form("a time zone such as `Europe/Paris`")]
Cron = Annotated[str, AfterValidator(_cron), Form("a five-field cron expression such as `0 6 * * *`")]
Flag = Annotated[bool, Form("`true` or `false`")]
Share = Annotated[float, Field(ge=0, le=1), Form("a number from 0 to 1")]
Bytes = Annotated[int, Field(ge=0, le=_PEBIBYTE), Form(f"a whole number of bytes up to {_PEBIBYTE}")]
Ratio = Annotated[int, Field(ge=0, le=1_000_000), Form("a whole number up to 1000000")]
Processes = Annotated[
    int, Field(ge=0, le=1024), AfterValidator(partial(max, 1)), Form("a whole number of processes up to 1024")
]
Hours = Annotated[int, Field(ge=0, le=24 * _CENTURY), Form(f"a whole number of hours up to {24 * _CENTURY}")]
Days = Annotated[int, Field(ge=0, le=_CENTURY), Form(f"a whole number of days up to {_CENTURY}")]
ProjectIds = Annotated[
    tuple[Annotated[str, Field(pattern="^[0-9A-Za-z_-]+$")], ...],
    NoDecode,
    BeforeValidator(_parts),
    Form("project ids with commas between them"),
]
Hosts = Annotated[
    tuple[Annotated[str, BeforeValidator(str.lower), Field(pattern=f"^({HOST.pattern})$")], ...],
    NoDecode,
    BeforeValidator(_parts),
    Form("host names with commas between them, such as `warehouse.example.org`"),
]
Webhook = Annotated[
    str | None, Field(pattern="^https?://"), Form("an address that starts with `https://` or `http://`")
]
Postgres = Annotated[
    str | None,
    Field(pattern=r"^postgresql(\+psycopg2)?://"),
    Form("a URL such as `postgresql://user:password@host/database`"),
]
