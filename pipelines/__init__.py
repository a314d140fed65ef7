"""Reads Kili exports and loads them into the warehouse. Knows nothing of Dagster."""

import os

# Read by dlt and dbt while they are imported, so set before any module here imports them: no tool calls home.
os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
os.environ.setdefault("RUNTIME__LOG_LEVEL", "ERROR")
os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
