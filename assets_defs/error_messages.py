"""Error messages of failed steps, from the exception that caused the failure."""

from collections.abc import Iterator
from typing import Final

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from pipelines import unexpected_errors
from pipelines.settings import Settings

_DBT: Final = "DbtFailed"
_OUR_ERRORS: Final = "pipelines."


def short(event: dg.DagsterEvent) -> str:
    """The step and its error."""
    text = _description(event) or next((error.message.strip() for error in reversed(_chain(event))), "failed")
    return f"{_step(event)}: {text}"


def full(event: dg.DagsterEvent, settings: Settings, dbt_log: object) -> str:
    """The step, its error in one sentence without values of the data, and the log that has more."""
    chain = _chain(event)
    details = chain[0].to_string() if chain else ""
    text = unexpected_errors.disk_advice(details, settings)
    dbt_error = next((error for error in chain if error.cls_name == _DBT), None)
    if text is None and dbt_error:
        errors = " ".join(dbt_error.message.partition(": ")[2].split())
        text = f"dbt failed: {errors}; its output is in {dbt_log}"
    if text is None:
        text = _description(event) or next(_our_messages(chain), None)
    if text is None:
        text = unexpected_errors.message_with_log(chain[-1].message if chain else "Error", details, settings)
    return f"{_step(event)}: {text}"


def _step(event: dg.DagsterEvent) -> str:
    return (event.step_key or "").replace("__", "/")


def _description(event: dg.DagsterEvent) -> str | None:
    error = event.step_failure_data.user_failure_data
    return error.description if error else None


def _our_messages(chain: list[SerializableErrorInfo]) -> Iterator[str]:
    """The messages of the exceptions that `pipelines` defines."""
    return (error.message.partition(": ")[2].strip() for error in chain if error.message.startswith(_OUR_ERRORS))


def _chain(event: dg.DagsterEvent) -> list[SerializableErrorInfo]:
    """The error and its causes, the first cause last."""
    chain = []
    error = event.step_failure_data.error
    while error is not None:
        chain.append(error)
        error = error.cause
    return chain
