"""The one place that reads the environment."""

import errno
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipelines import limits, thresholds
from pipelines.comparison import method
from pipelines.comparison.method import Method
from pipelines.limits import Limits
from pipelines.thresholds import Thresholds

DAGSTER_POSTGRES_URL: Final = "KILI_DAGSTER_POSTGRES_URL"
HOST: Final = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d+)?")  # with or without port, in lower case
_DAILY: Final = "0 6 * * *"
_UTC: Final = ZoneInfo("UTC")
_POSTGRES: Final = ("postgresql://", "postgresql+psycopg2://")
_SHOWN: Final = 100  # characters of a value that an error repeats
_MOST_WORKERS: Final = 1024
_MOST_BYTES: Final = 1 << 50
_MOST_TIMES: Final = 1_000_000
_MOST_HOURS: Final = 100 * 366 * 24
_MOST_DAYS: Final = 100 * 366
_KILI: Final = "https://cloud.kili-technology.com/api/label/v2/graphql"


class BadSetting(Exception):
    """An environment variable or an option holds what cannot be used."""


@dataclass(frozen=True)
class Pull:
    """What to ask Kili itself for: projects by their ids, at an address of its API, with a key that is never shown."""

    project_ids: tuple[str, ...]
    endpoint: str
    key: str = field(repr=False)


@dataclass(frozen=True)
class Settings:
    """Where exports come from and where the warehouse lies.

    exports: file, folder or glob, local or any URL fsspec understands (KILI_EXPORTS).
    warehouse: the warehouse folder (KILI_WAREHOUSE).
    project_id: the project of exports that do not name theirs (KILI_PROJECT_ID).
    timezone: the zone of the dates in READMEs, which name none (KILI_EXPORT_TIMEZONE).
    is_key_frames_only: of videos, only annotations on key frames become rows of `kili.annotations`, and what was
        interpolated between them does not; `kili.responses` holds it all (KILI_KEY_FRAMES_ONLY). To be chosen once
        for a warehouse: an answer is taken apart once for each flatten_version, so a change holds for answers that
        come later, and only with the same choice does the same set of exports give the same marts.
    workers: how many processes read exports (KILI_WORKERS); the processors this process may use, if not given.
    limits: what a packed file may unpack to, in bytes (KILI_MAX_ENTRY_BYTES) and as a multiple of its packed size
        (KILI_MAX_RATIO), and the longest record in bytes (KILI_MAX_RECORD_BYTES).
    method: how labels are compared: the overlap that makes a relabelling (KILI_RELABEL_IOU), and whether videos are
        scored by their key frames alone (KILI_SCORE_KEY_FRAMES_ONLY).
    schedule: when Dagster runs the whole job whatever the landing place holds, in cron's five fields (KILI_SCHEDULE),
        and the zone that they mean (KILI_SCHEDULE_TIMEZONE).
    pull: projects whose exports are pulled from Kili (KILI_PULL_PROJECTS), with the key (KILI_API_KEY) and the address
        of its API (KILI_API_ENDPOINT, as Kili's own client calls it); null where no project is named.
    dagster_postgres: the URL, with its password, of the PostgreSQL database where Dagster keeps runs and events
        (KILI_DAGSTER_POSTGRES_URL); SQLite in the work folder, if not given.
    thresholds: the share of rejected records from which a check warns (KILI_MAX_REJECTED_SHARE), and the ages from
        which the load (KILI_STALE_LOAD_HOURS) and the newest label (KILI_STALE_LABELS_DAYS) are stale.
    ui_hosts: host names besides this machine's own under which the UI is served, with or without port
        (KILI_UI_HOSTS). Without port, all ports of the name are meant.
    alert_webhook: where alerts are posted (KILI_ALERT_WEBHOOK). The address is a secret, and not part of what is
        printed of these settings.
    """

    exports: str | None
    warehouse: Path
    project_id: str | None
    timezone: ZoneInfo
    limits: Limits = limits.DEFAULT
    method: Method = method.DEFAULT
    workers: int = 1
    is_key_frames_only: bool = False
    schedule: str = _DAILY
    schedule_timezone: ZoneInfo = _UTC
    pull: Pull | None = None
    dagster_postgres: str | None = field(default=None, repr=False)
    thresholds: Thresholds = thresholds.DEFAULT
    ui_hosts: tuple[str, ...] = ()
    alert_webhook: str | None = field(default=None, repr=False)

    @property
    def work(self) -> Path:
        """The pipeline's own folder."""
        return self.warehouse / "work"

    def prepare_work(self) -> Path:
        """Makes the pipeline's own folder, for nobody else to read, and gives it. Raises `BadSetting`."""
        try:
            self.warehouse.mkdir(mode=0o755, parents=True, exist_ok=True)
            self.work.mkdir(exist_ok=True)
            self.work.chmod(0o700)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            where = f"cannot make {self.work}" if error.filename is None else f"cannot write to {error.filename}"
            raise BadSetting(f"the warehouse {self.warehouse}: {where}: {error.strerror}") from error
        return self.work

    @property
    def dbt(self) -> Path:
        """dbt's folder: its manifest and what it compiled and ran."""
        return self.work / "dbt"

    @property
    def database(self) -> Path:
        """The DuckDB file that the pipeline writes."""
        return self.work / "warehouse.duckdb"

    def at(self, exports: str | None, warehouse: Path | None) -> "Settings":
        """These settings with a command's options in place of the environment's."""
        folder = self.warehouse if warehouse is None else _folder("--warehouse", warehouse)
        return replace(self, exports=exports or self.exports, warehouse=folder)


def from_environment() -> Settings:
    """The settings of this process. Raises `BadSetting`."""
    return Settings(
        exports=os.environ.get("KILI_EXPORTS") or None,
        warehouse=_folder("KILI_WAREHOUSE", Path(os.environ.get("KILI_WAREHOUSE") or "warehouse")),
        project_id=os.environ.get("KILI_PROJECT_ID") or None,
        timezone=_zone("KILI_EXPORT_TIMEZONE"),
        is_key_frames_only=_flag("KILI_KEY_FRAMES_ONLY"),
        workers=max(_size("KILI_WORKERS", _processors(), _MOST_WORKERS), 1),
        limits=Limits(
            entry_bytes=_size("KILI_MAX_ENTRY_BYTES", limits.DEFAULT.entry_bytes, _MOST_BYTES),
            ratio=_size("KILI_MAX_RATIO", limits.DEFAULT.ratio, _MOST_TIMES),
            record_bytes=_size("KILI_MAX_RECORD_BYTES", limits.DEFAULT.record_bytes, _MOST_BYTES),
        ),
        schedule=_cron("KILI_SCHEDULE"),
        schedule_timezone=_zone("KILI_SCHEDULE_TIMEZONE"),
        method=Method(
            relabel_iou=_share("KILI_RELABEL_IOU", method.DEFAULT.relabel_iou),
            key_frames_only=_flag("KILI_SCORE_KEY_FRAMES_ONLY"),
        ),
        pull=_pull(),
        dagster_postgres=_postgres(DAGSTER_POSTGRES_URL),
        thresholds=Thresholds(
            rejected_share=_share("KILI_MAX_REJECTED_SHARE", thresholds.DEFAULT.rejected_share),
            load_hours=_size("KILI_STALE_LOAD_HOURS", thresholds.DEFAULT.load_hours, _MOST_HOURS),
            label_days=_size("KILI_STALE_LABELS_DAYS", thresholds.DEFAULT.label_days, _MOST_DAYS),
        ),
        ui_hosts=_hosts("KILI_UI_HOSTS"),
        alert_webhook=_webhook("KILI_ALERT_WEBHOOK"),
    )


def _folder(name: str, path: Path) -> Path:
    """The absolute path of a folder that is there or can be made."""
    shown = _short(path)
    try:
        folder = path.expanduser().resolve()
        if folder.is_dir():
            return folder
        there = next(one for one in (folder, *folder.parents) if one.exists())
        if not there.is_dir():
            raise BadSetting(f"{name}: a folder is wanted, and {_short(there)} is a file")
    except RuntimeError:  # so expanduser and resolve
        wrong = "there is no such user" if shown.startswith("~") else "its links lead in a circle"
        raise BadSetting(f"{name}: {wrong}: {shown}") from None
    except (OSError, ValueError) as error:
        raise BadSetting(f"{name}: a folder is wanted, not {shown}: {getattr(error, 'strerror', error)}") from None
    return folder


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"


def _pull() -> Pull | None:
    named = os.environ.get("KILI_PULL_PROJECTS") or ""
    project_ids = tuple(dict.fromkeys(one.strip() for one in named.split(",") if one.strip()))
    if not project_ids:
        return None
    if wrong := next((one for one in project_ids if not re.fullmatch(r"[\w-]+", one, re.ASCII)), None):
        wanted = "ids of projects with commas between them are wanted"
        raise BadSetting(f"KILI_PULL_PROJECTS: {wanted}, not {_short(wrong)}")
    key = os.environ.get("KILI_API_KEY")
    if not key:
        raise BadSetting("KILI_PULL_PROJECTS: Kili gives nothing without a key, set KILI_API_KEY too")
    return Pull(project_ids, os.environ.get("KILI_API_ENDPOINT") or _KILI, key)


def _processors() -> int:
    """Those this process may use; macOS tells only how many there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _zone(name: str) -> ZoneInfo:
    zone = os.environ.get(name) or "UTC"
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # an OSError where the name is a folder's, or very long
        raise BadSetting(f"{name}: no such time zone: {_short(zone)}") from None


def _cron(name: str) -> str:
    cron = os.environ.get(name)
    if not cron:
        return _DAILY
    from croniter import croniter  # takes a tenth of a second, which most commands need not spend

    try:
        croniter(cron).get_next()
        is_usable = len(croniter.expand(cron)[0]) == 5
    except (ValueError, KeyError):
        is_usable = False
    if not is_usable:
        raise BadSetting(f"{name}: cron's five fields are wanted, such as {_DAILY}, not {_short(cron)}")
    return cron


def _size(name: str, default: int, most: int) -> int:
    value = os.environ.get(name) or str(default)
    if not value.isdecimal():
        raise BadSetting(f"{name}: a whole number is wanted, not {_short(value)}")
    if len(value.lstrip("0")) > len(str(most)) or int(value) > most:
        raise BadSetting(f"{name}: {most} is the most there can be, not {_short(value)}")
    return int(value)


def _share(name: str, default: float) -> float:
    value = os.environ.get(name) or str(default)
    try:
        share = float(value)
    except ValueError:
        share = -1
    if not 0 <= share <= 1:
        raise BadSetting(f"{name}: a number from 0 to 1 is wanted, not {_short(value)}")
    return share


def _flag(name: str) -> bool:
    value = os.environ.get(name) or "false"
    if value.lower() not in ("true", "false"):
        raise BadSetting(f"{name}: true or false is wanted, not {_short(value)}")
    return value.lower() == "true"


def _hosts(name: str) -> tuple[str, ...]:
    value = os.environ.get(name) or ""
    hosts = tuple(host for part in value.split(",") if (host := part.strip().lower()))
    if wrong := next((host for host in hosts if not HOST.fullmatch(host)), None):
        raise BadSetting(
            f"{name} must be host names with commas between them, such as warehouse.example.org, got `{wrong}`"
        )
    return hosts


def _webhook(name: str) -> str | None:
    """The address is not repeated where it is wrong, since whoever knows it may post."""
    url = os.environ.get(name) or None
    if url is not None and not url.startswith(("https://", "http://")):
        raise BadSetting(f"{name}: an address that starts with https:// or http:// is wanted")
    return url


def _postgres(name: str) -> str | None:
    """Of an address that is wrong only the scheme is repeated, since it may hold a password."""
    url = os.environ.get(name) or None
    if url is not None and not url.startswith(_POSTGRES):
        scheme, separator, _ = url.partition("://")
        got = f", not {_short(scheme)}://…" if separator else ""
        raise BadSetting(f"{name}: an address that starts with postgresql:// is wanted{got}")
    return url
