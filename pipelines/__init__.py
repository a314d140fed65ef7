"""Reads Kili exports and loads them into the warehouse, without Dagster."""

import os

# Libraries read these variables when they are imported, so they are set first. No library sends telemetry.
os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")  # dlt also prints the traceback of each error that it raises
os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
# No code here multiplies matrices. Starting threads for that costs NumPy and SciPy a tenth of a second each.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
