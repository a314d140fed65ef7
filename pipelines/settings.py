"""Settings: each environment variable is declared once, with its description, expected form and default."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipelines import setting_forms as forms

DAGSTER_POSTGRES_URL: Final = "KILI_DAGSTER_POSTGRES_URL"
_RENAMED: Final = {
    "KILI_MAX_RATIO": "KILI_MAX_COMPRESSION_RATIO",
    "KILI_STALE_LOAD_HOURS": "KILI_MAX_LOAD_AGE_HOURS",
    "KILI_STALE_LABELS_DAYS": "KILI_MAX_LABEL_AGE_DAYS",
}
_UTC: Final = ZoneInfo("UTC")


class BadSetting(Exception):
    """An environment variable or an option has a value that cannot be used."""


class _Group(BaseModel):
    """Settings of one stage: a section of docs/configuration.md. A field without `repr` is secret."""

    model_config = ConfigDict(frozen=True, validate_by_name=True, validate_by_alias=True)


class Exports(_Group):
    """Exports and warehouse."""

    exports: Annotated[str | None, forms.Form("a path, glob or URL that fsspec reads")] = Field(
        None, alias="KILI_EXPORTS", description="File, folder or glob of exports. The option `--exports` replaces it."
    )
    warehouse: forms.Folder = Field(
        Path("warehouse"),
        alias="KILI_WAREHOUSE",
        validate_default=True,
        description="The warehouse folder. The option `--warehouse` replaces it.",
    )
    project_id: Annotated[str | None, forms.Form("a project id")] = Field(
        None, alias="KILI_PROJECT_ID", description="Project of exports that do not name theirs. It starts no pull."
    )
    timezone: forms.Zone = Field(
        _UTC, alias="KILI_EXPORT_TIMEZONE", description="Time zone of the export dates in READMEs, which name none."
    )


class Pull(_Group):
    """Pull exports from the Kili API."""

    pull_projects: forms.ProjectIds = Field((), alias="KILI_PULL_PROJECTS", description="Projects that each run pulls.")
    api_key: Annotated[str, forms.Form("a key of the Kili API")] = Field(
        "", alias="KILI_API_KEY", repr=False, description="Key of the Kili API. Required to pull projects."
    )
    api_endpoint: Annotated[str, forms.Form("a URL")] = Field(
        "https://cloud.kili-technology.com/api/label/v2/graphql",
        alias="KILI_API_ENDPOINT",
        description="GraphQL endpoint of the Kili API.",
    )

    @model_validator(mode="after")
    def _has_key(self) -> Self:
        if self.pull_projects and not self.api_key:
            raise ValueError("KILI_API_KEY must be a key of the Kili API if KILI_PULL_PROJECTS is set, got nothing")
        return self


class Limits(_Group):
    """Limits of an export."""

    max_entry_bytes: forms.Bytes = Field(
        8 << 30,
        alias="KILI_MAX_ENTRY_BYTES",
        description="Largest uncompressed size of a compressed file or a zip entry. It is uncompressed to disk.",
    )
    max_compression_ratio: forms.Ratio = Field(
        400,
        alias="KILI_MAX_COMPRESSION_RATIO",
        description="Largest uncompressed size as a multiple of the compressed size. Static video, the most repetitive "
        "kind of export, has 180; a zip bomb has 1,000.",
    )
    max_record_bytes: forms.Bytes = Field(
        1 << 30,
        alias="KILI_MAX_RECORD_BYTES",
        description="Largest record: an asset with its labels. It is held in memory whole.",
    )


class Loading(_Group):
    """Load."""

    workers: forms.Processes = Field(
        default_factory=forms.processors,
        alias="KILI_WORKERS",
        description="Number of processes that read large exports.",
    )
    is_key_frames_only: forms.Flag = Field(
        False,
        alias="KILI_KEY_FRAMES_ONLY",
        description="Whether only annotations on key frames of videos become rows of `kili.annotations`. "
        "`kili.responses` holds interpolated ones in any case. Choose once for a warehouse: a change applies only to "
        "answers that are loaded later.",
    )


class Privacy(_Group):
    """Privacy."""

    is_pseudonymised: forms.Flag = Field(
        False,
        alias="KILI_PSEUDONYMISE",
        description="Whether people are replaced by pseudonyms. Choose once for a warehouse: a run with another choice "
        "or key is refused. See [privacy](privacy.md).",
    )
    pseudonym_key: Annotated[
        str, Field(pattern="^(.{16,})?$"), forms.Form("a secret text of at least 16 characters")
    ] = Field(
        "", alias="KILI_PSEUDONYM_KEY", repr=False, description="Key of the pseudonyms. It is never stored: keep it."
    )

    @model_validator(mode="after")
    def _has_pseudonym_key(self) -> Self:
        if self.is_pseudonymised and not self.pseudonym_key:
            raise ValueError(
                "KILI_PSEUDONYM_KEY must be a secret text of at least 16 characters if KILI_PSEUDONYMISE is true, "
                "got nothing"
            )
        return self


class Comparison(_Group):
    """Comparison of labels."""

    relabel_iou: forms.Share = Field(
        0.5,
        alias="KILI_RELABEL_IOU",
        description="Smallest overlap (IoU) at which an annotation of another category counts as relabelled.",
    )
    score_key_frames_only: forms.Flag = Field(
        False,
        alias="KILI_SCORE_KEY_FRAMES_ONLY",
        description="Whether only key frames of videos are scored. Edits are listed for every frame.",
    )


class Checks(_Group):
    """Checks and alerts."""

    max_rejected_share: forms.Share = Field(
        0.05,
        alias="KILI_MAX_REJECTED_SHARE",
        description="Share of rejected records in an export above which a check warns.",
    )
    max_load_age_hours: forms.Hours = Field(
        48,
        alias="KILI_MAX_LOAD_AGE_HOURS",
        description="Age of the last run, in hours, at which tables and marts are stale. "
        "Dagster warns at half of it. 0: never.",
    )
    max_label_age_days: forms.Days = Field(
        0,
        alias="KILI_MAX_LABEL_AGE_DAYS",
        description="Age of the newest label, in days, above which a check warns. 0: never.",
    )
    alert_webhook: forms.Webhook = Field(
        None,
        alias="KILI_ALERT_WEBHOOK",
        repr=False,
        description="Address that receives alerts, in the JSON of Slack's incoming webhooks.",
    )


class Dagster(_Group):
    """Dagster."""

    schedule: forms.Cron = Field(
        "0 6 * * *", alias="KILI_SCHEDULE", description="When Dagster runs the job even if there is no new export."
    )
    schedule_timezone: forms.Zone = Field(
        _UTC, alias="KILI_SCHEDULE_TIMEZONE", description="Time zone of `KILI_SCHEDULE`."
    )
    as_of_folder: forms.OptionalFolder = Field(
        None,
        alias="KILI_AS_OF_FOLDER",
        description="Folder in which the job `as_of` makes a folder for each time. Without it, the job fails.",
    )
    ui_hosts: forms.Hosts = Field(
        (),
        alias="KILI_UI_HOSTS",
        description="Host names under which the UI is served, besides those of this machine. "
        "A name without port allows all its ports.",
    )
    dagster_postgres: forms.Postgres = Field(
        None,
        alias=DAGSTER_POSTGRES_URL,
        repr=False,
        description="PostgreSQL database of Dagster's runs and events. Without it: SQLite in the warehouse's `work/`.",
    )


class Settings(Exports, Pull, Limits, Loading, Privacy, Comparison, Checks, Dagster, BaseSettings):
    """All settings of a process: arguments, else environment variables, else defaults. Frozen."""

    # Pydantic also reads variables with the names of fields, such as `warehouse`: the prefix excludes these.
    # Defaults are not validated, because that of the schedule would import croniter.
    model_config = SettingsConfigDict(
        case_sensitive=True, env_ignore_empty=True, env_prefix="KILI_", extra="ignore", validate_default=False
    )

    @property
    def work(self) -> Path:
        """The pipeline's own folder."""
        return self.warehouse / "work"

    def prepare_work(self) -> Path:
        """Creates the pipeline's own folder, readable by its owner only, and returns it. Raises `BadSetting`."""
        try:
            self.warehouse.mkdir(mode=0o755, parents=True, exist_ok=True)
            self.work.mkdir(exist_ok=True)
            self.work.chmod(0o700)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            where = f"cannot create {self.work}" if error.filename is None else f"cannot write to {error.filename}"
            raise BadSetting(f"the warehouse {self.warehouse}: {where}: {error.strerror}") from error
        return self.work

    @property
    def dbt(self) -> Path:
        """dbt's folder: its manifest, compiled models and run results."""
        return self.work / "dbt"

    @property
    def database(self) -> Path:
        """The DuckDB file that the pipeline writes."""
        return self.work / "warehouse.duckdb"

    @property
    def as_of_marker(self) -> Path:
        """The file that an as-of folder has and a warehouse has not."""
        return self.work / "as_of_folder"

    def at(self, exports: str | None, warehouse: Path | None) -> Self:
        """These settings, with a command's options in place of the environment's values. Raises `BadSetting`."""
        options: dict[str, Any] = {"exports": exports or self.exports}
        if warehouse is not None:
            try:
                options["warehouse"] = forms.folder(warehouse)
            except ValueError as error:
                field = Settings.model_fields["warehouse"]
                raise BadSetting(forms.error_sentence("--warehouse", field, warehouse, str(error))) from None
        return self.model_copy(update=options)


def from_environment() -> Settings:
    """The settings of this process. Raises `BadSetting`, which names every wrong variable."""
    errors = [f"{old} was renamed: set {new} instead" for old, new in _RENAMED.items() if os.environ.get(old)]
    try:
        settings = Settings()
    except ValidationError as error:
        errors += _sentences(error)
    if errors:
        raise BadSetting("; ".join(errors))
    return settings


def _sentences(error: ValidationError) -> Iterator[str]:
    fields = {field.alias: field for field in Settings.model_fields.values()}
    for fault in error.errors():
        reason = str(fault["ctx"]["error"]) if fault["type"] == "value_error" else ""
        variable = str(fault["loc"][0]) if fault["loc"] else None
        yield forms.error_sentence(variable, fields[variable], fault["input"], reason) if variable else reason
