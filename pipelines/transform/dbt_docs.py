"""Writes dbt's own documentation as one static page: python -m pipelines.transform.dbt_docs"""

import os
import subprocess
import sys
from pathlib import Path

from pipelines import settings
from pipelines.loading import lock
from pipelines.settings import Settings
from pipelines.transform import project


def generate(chosen: Settings) -> Path:
    """Runs `dbt docs generate` on the pipeline's database; returns the page. Raises `WarehouseLocked`."""
    target = chosen.prepare_work() / "dbt_docs"
    command = [str(project.DBT), "--quiet", "docs", "generate", "--static"]
    command += ["--project-dir", str(project.PROJECT), "--target-path", str(target)]
    with lock.held(chosen):
        variables = os.environ | project.environment(chosen.database) | {"DBT_LOG_PATH": str(target)}
        subprocess.run(command, env=variables, check=True)
    return target / "static_index.html"


if __name__ == "__main__":
    chosen = settings.from_environment()
    if not chosen.database.exists():
        sys.exit(f"there is no warehouse in {chosen.warehouse}: load exports with `kili-warehouse run` first")
    print(generate(chosen))
