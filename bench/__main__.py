"""`python -m bench`: costs of loading seeded exports and of comparing labels, next to alternatives.

Prints the tables and writes them to `bench/results.md`.
"""

import argparse
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from bench import comparison, exports, load
from bench.load import Cost

_RESULTS: Final = Path(__file__).parent / "results.md"
_DLT_MEGABYTES: Final = (1.0, 3.0)  # plain dlt is measured on these, and their difference scaled: it takes minutes
_TIMES: Final = 3
_COLUMNS: Final = ("export", "way", "CPU s", "× limit", "wall s", "MB/s", "rows", "rows/s", "peak MB")

Step = tuple[str, str, str]
"""Its name, the way it is measured, the export that it reads."""

_LIMIT: Final = "the limit: DuckDB alone"
_ALONE: Final = "ours, first load, one process"
_LOADS: Final[tuple[Step, ...]] = (
    (_LIMIT, "limit", "export"),
    ("ours, first load", "ours", "export"),
    ("ours, unchanged reload", "ours", "again"),
    ("ours, 1 % changed", "ours", "changed"),
    (_ALONE, "ours, one process", "export"),
)
_JOBS: Final[tuple[Step, ...]] = (
    ("the whole job", "whole job", "export"),
    ("the whole job, 1 % changed", "whole job", "changed"),
)

Line = tuple[str, str, float, Cost, float]
"""Export, way, megabytes, cost, CPU seconds of the limit on an export of that size."""


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="bench-") as made:
        folder = Path(made)
        if arguments.profile:
            exports.to_file(exports.images(arguments.sizes[-1]), folder / "export.json")
            load.profile(folder / "export.json", folder / "warehouse")
            return
        lines = []
        for line in _lines(folder, arguments.sizes, arguments.frames):
            print(*_row(line), sep=" | ", flush=True)
            lines.append(line)
    loads = [tuple(_COLUMNS), *map(_row, lines)]
    tables = f"# Load\n\n{_table(loads)}\n{_chart(lines)}\n# Comparison\n\n{_table(comparison.rows())}"
    _RESULTS.write_text(tables)
    print(tables)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--sizes", type=float, nargs="+", default=[10, 100], help="megabytes of the exports")
    parser.add_argument("--frames", type=int, default=1000, help="frames of the video, with 20 objects each")
    parser.add_argument("--profile", action="store_true", help="profile our load of the last size instead")
    return parser.parse_args()


def _lines(folder: Path, sizes: list[float], frames: int) -> Iterator[Line]:
    limit, ten_assets, dlt_megabyte = 0.0, _ten_assets(folder), _dlt_megabyte(folder)
    for size in sizes:
        here, name = folder / f"{size:g}", f"{size:g} MB, one file"
        found = _least(_LOADS + _JOBS, here, size)
        export, floor = here / "export.json", found[_LIMIT].cpu
        found["pandas.json_normalize"] = load.measured("pandas", export, here)
        found[f"plain dlt ({_DLT_MEGABYTES[1]:g} MB, scaled)"] = dlt_megabyte.beyond(Cost(0, 0, 0, 0), size)
        for way, cost in found.items():
            if way in ten_assets:
                yield name, f"{way}, beyond ten assets", size, cost.beyond(ten_assets[way]), floor
            else:
                yield name, way, size, cost, floor
        limit = floor / size
    yield from _others(folder, sizes[0], frames, limit)


def _ten_assets(folder: Path) -> dict[str, Cost]:
    """The cost of the whole job that does not grow with the export."""
    return _least(_JOBS, folder / "ten", 10 * exports.BYTES_PER_ASSET / 1e6)


def _dlt_megabyte(folder: Path) -> Cost:
    """The cost of plain dlt per further megabyte."""
    step = ("plain dlt", "plain dlt", "export")
    less, more = (_least([step], folder / f"dlt {part:g}", part)[step[0]] for part in _DLT_MEGABYTES)
    return more.beyond(less, 1 / (_DLT_MEGABYTES[1] - _DLT_MEGABYTES[0]))


def _least(steps: Sequence[Step], folder: Path, size: float) -> dict[str, Cost]:
    """The least cost of each step over several rounds: on a shared machine a single measurement is noisy.

    Steps of one way work in the same warehouse, one after the other.
    """
    folder.mkdir()
    exports.to_file(exports.images(size), folder / "export.json")
    exports.to_file(reversed(list(exports.images(size))), folder / "again.json")
    exports.to_file(exports.images(size, is_changed=True), folder / "changed.json")
    costs: dict[str, list[Cost]] = {name: [] for name, _, _ in steps}
    for _ in range(_TIMES):
        for name, way, export in steps:
            costs[name].append(load.measured(way, folder / f"{export}.json", folder / way))
        for way in {way for _, way, _ in steps}:
            shutil.rmtree(folder / way)
    return {name: min(found, key=lambda cost: cost.cpu) for name, found in costs.items()}


def _others(folder: Path, size: float, frames: int, limit: float) -> Iterator[Line]:
    """Many small files, and a video. The limit is measured on one file of the same size."""
    exports.to_folder(exports.images(size), folder / "folder")
    exports.to_zip(exports.images(size), folder / "assets.zip")
    exports.to_file(exports.video(frames, 20), folder / "video.json")
    for path, what, megabytes in (
        (folder / "folder", "a file for each asset", size),
        (folder / "assets.zip", "the same, zipped", size),
        (folder / "video.json", f"a video, {frames:,} frames", (folder / "video.json").stat().st_size / 1e6),
    ):
        cost = load.measured("ours", path, folder / f"{path.stem} warehouse")
        yield f"{megabytes:.0f} MB, {what}", "ours, first load", megabytes, cost, limit * megabytes


def _table(rows: list[tuple[str, ...]]) -> str:
    """Rows as Markdown; the first is the heading, the first two columns are words."""
    heading, *body = rows
    ruled = [heading, ("---", "---", *["---:"] * (len(heading) - 2)), *body]
    return "".join(f"| {' | '.join(row)} |\n" for row in ruled)


def _chart(lines: list[Line]) -> str:
    """Peak memory of first loads over the size of the export, as a Mermaid chart."""
    first = [(size, cost.peak / 1e6) for _, way, size, cost, _ in lines if way == _ALONE]
    sizes, peaks = ", ".join(f"{size:g}" for size, _ in first), ", ".join(f"{peak:.0f}" for _, peak in first)
    return (
        "```mermaid\nxychart-beta\n"
        '    title "Peak memory of a first load in one process, MB"\n'
        f'    x-axis "export, MB" [{sizes}]\n'
        f'    y-axis "MB" 0 --> {max(peak for _, peak in first) * 1.2:.0f}\n'
        f"    bar [{peaks}]\n```\n"
    )


def _row(line: Line) -> tuple[str, ...]:
    export, way, size, cost, limit = line
    return (
        export,
        way,
        f"{cost.cpu:.1f}",
        f"{cost.cpu / limit:.2f}",
        f"{cost.wall:.1f}",
        f"{size / cost.wall:.1f}",
        f"{cost.rows:,}",
        f"{cost.rows / cost.wall:,.0f}",
        f"{cost.peak / 1e6:.0f}",
    )


if __name__ == "__main__":
    main()
