"""`python -m bench`: what loads of seeded exports cost, and comparisons of labels, each beside other ways.

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
_TEN_ASSETS: Final = 10 * exports.BYTES_PER_ASSET / 1e6
_COLUMNS: Final = ("export", "way", "CPU s", "× limit", "wall s", "MB/s", "rows", "rows/s", "peak MB")

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
    limit, start = 0.0, _start(folder)
    for size in sizes:
        here = folder / f"{size:g}"
        here.mkdir()
        for line in _growing(here, size, start):
            limit = line[4] / size
            yield line
    yield from _others(folder, sizes[0], frames, limit)


def _start(folder: Path) -> tuple[Cost, Cost]:
    """What does not grow, or is too slow to: the whole job on ten assets, and plain dlt for a megabyte more."""
    exports.to_file(exports.images(_TEN_ASSETS), folder / "ten.json")
    for part in _DLT_MEGABYTES:
        exports.to_file(exports.images(part), folder / f"{part:g}.json")
    less, more = (load.measured("plain dlt", folder / f"{p:g}.json", folder / f"dlt {p:g}") for p in _DLT_MEGABYTES)
    megabytes = _DLT_MEGABYTES[1] - _DLT_MEGABYTES[0]
    return load.measured("whole job", folder / "ten.json", folder / "ten"), more.beyond(less, 1 / megabytes)


def _growing(folder: Path, size: float, start: tuple[Cost, Cost]) -> Iterator[Line]:
    """One file of a size: the limit, then ours as a first load, unchanged, and one per cent changed; then others."""
    export, name = folder / "export.json", f"{size:g} MB, one file"
    exports.to_file(exports.images(size), export)
    exports.to_file(reversed(list(exports.images(size))), folder / "again.json")
    exports.to_file(exports.images(size, is_changed=True), folder / "changed.json")
    floor, first, alone = _in_turn(("limit", "ours", "ours, one process"), export, folder)
    warehouse = folder / "ours"
    yield name, "the limit: DuckDB alone", size, floor, floor.cpu
    yield name, "ours, first load", size, first, floor.cpu
    yield name, "ours, first load, one process", size, alone, floor.cpu
    yield name, "ours, unchanged reload", size, load.measured("ours", folder / "again.json", warehouse), floor.cpu
    yield name, "ours, 1 % changed", size, load.measured("ours", folder / "changed.json", warehouse), floor.cpu
    yield name, "pandas.json_normalize", size, load.measured("pandas", export, folder), floor.cpu
    ten_assets, dlt_megabyte = start
    scaled = dlt_megabyte.beyond(Cost(0, 0, 0, 0), size)
    yield name, f"plain dlt ({_DLT_MEGABYTES[1]:g} MB, scaled)", size, scaled, floor.cpu
    for what, path in (("", export), (", 1 % changed", folder / "changed.json")):
        cost = load.measured("whole job", path, folder / "whole").beyond(ten_assets)
        yield name, f"the whole job{what}, beyond ten assets", size, cost, floor.cpu


def _in_turn(ways: Sequence[str], export: Path, folder: Path) -> list[Cost]:
    """The least that each way cost, of several times in turn: on a shared machine a single time says little."""
    costs: list[list[Cost]] = [[] for _ in ways]
    for _ in range(_TIMES):
        for way, found in zip(ways, costs, strict=True):
            shutil.rmtree(folder / way, ignore_errors=True)
            found.append(load.measured(way, export, folder / way))
    return [min(found, key=lambda cost: cost.cpu) for found in costs]


def _others(folder: Path, size: float, frames: int, limit: float) -> Iterator[Line]:
    """Many small files, and a video; the limit is that of one file of as many bytes."""
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
    first = [(size, cost.peak / 1e6) for _, way, size, cost, _ in lines if way == "ours, first load, one process"]
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
