"""Reads Kili exports and loads them into the warehouse, without Dagster."""

import os

# Libraries read these variables when they are imported.
# Switches off telemetry.
os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")  # dlt prints the traceback of an error that it raises as well
os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
# BLAS threads are never used here, and starting them takes 0.1 s each for NumPy and SciPy.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
