"""Measures one way of loading one export in a separate process: `python -m bench.load WAY EXPORT FOLDER`.

CPU and wall time are those of the load, without the imports; the peak of memory is that of the whole process, with the
processes it started.
"""

import cProfile
import json
import pstats
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson


@dataclass(frozen=True)
class Cost:
    """The cost of a load: CPU and wall time in seconds, peak memory in bytes; and its number of rows."""

    cpu: float
    wall: float
    peak: int
    rows: int

    def beyond(self, less: "Cost", times: float = 1) -> "Cost":
        """The cost beyond that of a smaller load, multiplied; the peak is unchanged."""
        parts = ((self.cpu, less.cpu), (self.wall, less.wall), (self.rows, less.rows))
        cpu, wall, rows = ((more - fewer) * times for more, fewer in parts)
        return Cost(cpu, wall, self.peak, round(rows))


_PANDAS: Final = Path(__file__).parents[1] / ".venv-bench" / "bin" / "python"
"""Python of the environment with pandas from `make bench`. If pandas is installed, the pipeline imports it."""


def measured(way: str, export: Path, folder: Path) -> Cost:
    """The cost of one way of loading. Raises `subprocess.CalledProcessError`."""
    python = str(_PANDAS) if way == "pandas" else sys.executable
    command = [python, "-m", "bench.load", way, str(export), str(folder)]
    peak = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            peak = max(peak, _memory(process.pid))
            time.sleep(0.02)
        said = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Cost(**json.loads(said.splitlines()[-1]), peak=peak)


def _memory(process: int) -> int:
    """Resident bytes of a process and its child processes. Shared memory counts in each. Linux only.

    The kernel's own peak (`ru_maxrss`) begins with that of the process that started them, so it is of no use here.
    """
    here = Path(f"/proc/{process}")
    try:
        size = int((here / "statm").read_text().split()[1]) * resource.getpagesize()
        children = [int(one) for task in (here / "task").iterdir() for one in (task / "children").read_text().split()]
    except (OSError, IndexError):  # it has ended meanwhile
        return 0
    return size + sum(map(_memory, children))


def profile(export: Path, folder: Path) -> None:
    """Prints where our load spends its time, all in one process."""
    load = _ours(export, folder, workers=1)
    with cProfile.Profile() as profiler:
        load()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(40)


def _ours(export: Path, folder: Path, workers: int | None = None) -> Callable[[], int]:
    from pipelines import settings
    from pipelines.kili import load as kili_load
    from pipelines.landing import discovery

    here = settings.from_environment().at(str(export), folder)
    here = here if workers is None else here.model_copy(update={"workers": workers})
    found = [discovery.Landed(str(export), export)]
    return lambda: sum(kili_load.load(found, here).new_row_counts.values())


def _ours_alone(export: Path, folder: Path) -> Callable[[], int]:
    return _ours(export, folder, workers=1)


def _whole_job(export: Path, folder: Path) -> Callable[[], int]:
    """Load, models with their tests, comparison and publishing, as `kili-warehouse run` does it."""
    from assets_defs import run_job
    from pipelines import settings
    from pipelines.publishing import contents

    here = settings.from_environment().at(str(export), folder)

    def run() -> int:
        done = run_job.run(here)
        if done.failures:
            raise RuntimeError(*done.failures)
        return sum(contents.status(folder)["row_counts"].values())

    return run


def _limit(export: Path, folder: Path) -> Callable[[], int]:
    from bench import limit

    folder.mkdir(parents=True)
    return lambda: limit.load(export, folder / "limit.duckdb")


def _plain_dlt(export: Path, folder: Path) -> Callable[[], int]:
    """Loads nested JSON unchanged, as a first dlt pipeline does."""
    import dlt

    target = dlt.destinations.duckdb(str(folder / "dlt.duckdb"))
    folder.mkdir(parents=True)
    pipeline = dlt.pipeline("plain", destination=target, dataset_name="kili", pipelines_dir=str(folder))

    def load() -> int:
        pipeline.run(orjson.loads(export.read_bytes()), table_name="assets")
        with pipeline.sql_client() as client:
            query = "select sum(estimated_size)::bigint from duckdb_tables() where not starts_with(table_name, '_dlt')"
            return int((client.execute_sql(query) or [(0,)])[0][0])

    return load


def _pandas(export: Path, _: Path) -> Callable[[], int]:
    """`json_normalize` with one row per label: answers stay nested, and nothing is stored."""
    import pandas

    return lambda: len(
        pandas.json_normalize(orjson.loads(export.read_bytes()), "labels", ["id"], record_prefix="label.")
    )


_WAYS: Final[dict[str, Callable[[Path, Path], Callable[[], int]]]] = {
    "ours": _ours,
    "ours, one process": _ours_alone,
    "whole job": _whole_job,
    "limit": _limit,
    "plain dlt": _plain_dlt,
    "pandas": _pandas,
}


def _cpu() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def _main(way: str, export: str, folder: str) -> None:
    load = _WAYS[way](Path(export), Path(folder))
    cpu, wall = _cpu(), time.perf_counter()
    rows = load()
    cpu, wall = _cpu() - cpu, time.perf_counter() - wall
    print(json.dumps({"cpu": cpu, "wall": wall, "rows": rows}))


if __name__ == "__main__":
    _main(*sys.argv[1:])
