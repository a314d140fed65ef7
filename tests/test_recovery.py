"""A kill of the whole job in dbt or in publishing: readers see the old release, and the next run succeeds.

Only its main process is killed, and the next run starts at once: what it had started must be in nobody's way.
"""

import signal
import subprocess
import sys
import time
from pathlib import Path

from conftest import COMMAND, SAMPLES, dump, load

PUBLISH_KILLED = """
import os, signal, sys
from pipelines import cli
from pipelines.publishing import links
links._link = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
cli.main(sys.argv[1:])
"""


def kill_in_dbt(arguments: list[str], log: Path) -> int:
    """Runs the job and kills only its main process when dbt builds its first incremental model."""
    log.unlink()
    running = subprocess.Popen([str(COMMAND), *arguments], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while running.poll() is None:
        if log.exists() and b"START sql incremental model intermediate.current_labels" in log.read_bytes():
            running.kill()
            break
        time.sleep(0.02)
    return running.wait()


def test_after_a_kill_in_dbt_or_publishing_the_old_release_stays_and_the_next_run_succeeds(
    samples: Path, tmp_path: Path
) -> None:
    warehouse = tmp_path / "warehouse"
    load(warehouse, SAMPLES / "seed_page.json")
    release, before = (warehouse / "current").readlink(), dump(warehouse)
    arguments = ["run", "--exports", str(SAMPLES), "--warehouse", str(warehouse)]

    assert kill_in_dbt(arguments, warehouse / "work" / "last_run.log") == -signal.SIGKILL
    assert ((warehouse / "current").readlink(), dump(warehouse)) == (release, before)

    killed = subprocess.run([sys.executable, "-c", PUBLISH_KILLED, *arguments], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert ((warehouse / "current").readlink(), dump(warehouse)) == (release, before)

    load(warehouse, SAMPLES)
    assert dump(warehouse) == dump(samples)
