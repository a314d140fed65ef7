"""Runs dbt in a process that ends with its parent: `python -m pipelines.transform.dbt_process build`."""

import os
import sys
from typing import Final

from pipelines import parent_process

PARENT_VARIABLE: Final = "KILI_WAREHOUSE_PARENT"

if __name__ == "__main__":
    parent_process.exit_with(int(os.environ[PARENT_VARIABLE]))
    from dbt.cli.main import cli  # takes seconds, in which the parent may be killed

    sys.exit(cli(prog_name="dbt"))
