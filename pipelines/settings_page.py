"""Generates docs/configuration.md from the settings: python -m pipelines.settings_page > docs/configuration.md"""

from collections.abc import Iterator
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pipelines import setting_forms as forms
from pipelines.settings import Settings

_INTRODUCTION: Final = """\
# Configuration

<!-- Generated: python -m pipelines.settings_page > docs/configuration.md -->

`kili-warehouse` and Dagster read their settings from environment variables. An empty variable counts as unset. If
settings are wrong, the command names all of them with their expected form and ends with status 2. Errors and logs show
no secret.

For exports in `s3://`, Amazon's own variables apply as well: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, and
`AWS_ENDPOINT_URL` for another store.
"""
_HEADER: Final = "| variable | meaning | expected form | default | secret |\n| --- | --- | --- | --- | --- |"


def page() -> str:
    """The page in Markdown: a table for each group of settings."""
    groups = [group for group in Settings.__bases__ if group.__module__ == Settings.__module__]
    return "\n".join([_INTRODUCTION, *map(_section, groups)])


def _section(group: type[BaseModel]) -> str:
    title = (group.__doc__ or "").rstrip(".")
    return "\n".join([f"## {title}", "", _HEADER, *_rows(group), ""])


def _rows(group: type[BaseModel]) -> Iterator[str]:
    for field in group.model_fields.values():
        secret = "yes" if forms.is_secret(field) else ""
        cells = [f"`{field.alias}`", field.description, forms.expected(field), _default(field), secret]
        yield f"| {' | '.join(map(str, cells))} |"


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return (field.default_factory.__doc__ or "").rstrip(".").lower()
    value: Any = field.default
    if value in (None, "", ()):
        return ""
    if isinstance(value, bool):
        return f"`{value}`".lower()
    if isinstance(value, int) and value >= 1 << 30:
        return f"`{value}` ({value >> 30} GiB)"
    return f"`{value.key if isinstance(value, ZoneInfo) else value}`"


if __name__ == "__main__":
    print(page(), end="")
