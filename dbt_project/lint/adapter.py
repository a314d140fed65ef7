"""dbt's `adapter` as sqlfluff renders it: a macro is dispatched to what DuckDB has of it."""

from collections.abc import Callable

import jinja2


@jinja2.pass_context
def dispatch(context: jinja2.runtime.Context, name: str, _package: str) -> Callable[..., str]:
    macro: Callable[..., str] = context.get(f"duckdb__{name}") or context[f"default__{name}"]
    return macro
