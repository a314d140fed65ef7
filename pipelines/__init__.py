"""Reads Kili exports and loads them into the warehouse. Knows nothing of Dagster."""

import os

# Read by libraries while they are imported, so set before any module here imports them.
# No tool calls home.
os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")  # dlt prints the traceback of what it then raises
os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
# Nothing here multiplies matrices: threads for that only spin, a tenth of a second for each of NumPy and SciPy.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
