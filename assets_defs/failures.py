"""Why a step failed, in the words of the error that began it."""

import dagster as dg


def in_words(event: dg.DagsterEvent) -> str:
    """The step and what went wrong in it."""
    error = event.step_failure_data.user_failure_data or event.step_failure_data.error
    described = getattr(error, "description", None)
    cause = event.step_failure_data.error
    while described is None and cause is not None and cause.cause is not None:
        cause = cause.cause
    text = described or (cause.message.strip() if cause else "failed")
    return f"{(event.step_key or '').replace('__', '/')}: {text}"
