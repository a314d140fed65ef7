"""Exports in an object store: a real one, SeaweedFS, over a real socket."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import s3fs
from conftest import SAMPLES, run_command
from helpers.exporting import README, asset, text

from pipelines import settings
from pipelines.kili import packaging
from pipelines.landing import discovery, new_exports
from pipelines.publishing import contents

SERVICES = ("s3", "master", "volume", "filer", "admin", "s3.port.grpc", "master.port.grpc", "volume.port.grpc")
SERVICES += ("filer.port.grpc", "admin.port.grpc")
KEY = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables of the store and its key, as users set them. The store runs as long as the tests."""
    folder = tmp_path_factory.mktemp("store")
    ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
    named = [f"-{name if '.' in name else f'{name}.port'}={port}" for name, port in ports.items()]
    off = ["-master.telemetry=false", "-admin.ui=false", "-webdav=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    weed = Path(sys.executable).with_name("weed")
    command = [str(weed), "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *off, *named]
    variables = {**KEY, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ports['s3']}", "AWS_EC2_METADATA_DISABLED": "true"}
    with (folder / "log").open("w") as log, pytest.MonkeyPatch.context() as patch:
        store = subprocess.Popen(command, env=os.environ | variables, cwd=folder, stdout=log, stderr=log)
        for name, value in variables.items():
            patch.setenv(name, value)
        try:
            wait_for(ports["s3"], store, folder / "log")
            yield variables
        finally:
            store.terminate()
            store.wait()


def wait_for(port: int, store: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and store.poll() is None:
        try:
            s3fs.S3FileSystem(skip_instance_cache=True).ls("")
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"no store on port {port}: {log.read_text()}")


@pytest.fixture(scope="module")
def bucket(environment: dict[str, str]) -> s3fs.S3FileSystem:  # noqa: ARG001
    """The store with a bucket that holds the samples and an export that is a folder."""
    store = s3fs.S3FileSystem()
    store.mkdir("exports")
    store.pipe({f"exports/in/{path.name}": path.read_bytes() for path in SAMPLES.iterdir()})
    folder = {"data.json": text([asset("a")]), discovery.README: README.encode()}
    store.pipe({f"exports/folder/one/{name}": content for name, content in folder.items()})
    return store


def test_an_object_is_fetched_once_until_its_content_changes(
    bucket: s3fs.S3FileSystem, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []
    open_file = s3fs.S3FileSystem.open

    def noted(self: s3fs.S3FileSystem, name: str, *more: object, **named: object) -> object:
        fetched.append(name)
        return open_file(self, name, *more, **named)

    monkeypatch.setattr(s3fs.S3FileSystem, "open", noted)
    chosen = settings.from_environment().at(None, samples)

    loaded = new_exports.Loaded(contents.export_ids(samples), ())

    def look() -> tuple[int, int]:
        scan = new_exports.find_new(chosen, "s3://exports/in", loaded, packaging.has_documents)
        return scan.known, len(scan.new)

    assert look() == (11, 0)
    assert len(fetched) == 11
    bucket.pipe("exports/in/seed_page.json", (SAMPLES / "seed_page.json").read_bytes())
    assert look() == (11, 0)
    assert len(fetched) == 11
    bucket.pipe({f"exports/in/{name}.json": text([asset("new")]) for name in ("new", "same")})
    assert look() == (11, 1)
    bucket.pipe("exports/in/seed_page.json", text([asset("other")]))
    assert look() == look() == (10, 2)
    assert [Path(name).name for name in fetched[11:]] == ["new.json", "same.json", "seed_page.json"]


def test_a_bucket_is_searched_like_a_folder(bucket: s3fs.S3FileSystem, tmp_path: Path) -> None:  # noqa: ARG001
    def found(url: str) -> list[str]:
        return [one.url for one in discovery.find(url, tmp_path)]

    assert found("s3://exports/folder") == ["s3://exports/folder/one"]
    assert found("s3://exports/in/review_*.zip") == ["s3://exports/in/review_normal_single_file.zip"]
    assert found("s3://exports/in/seed_page.json") == ["s3://exports/in/seed_page.json"]
    for missing in ("s3://exports/none", "s3://none/in", "s3://exports/none.json", "s3://exports/in/*.xml"):
        with pytest.raises(discovery.NoExport, match="no such file or folder: s3://"):
            found(missing)


def test_a_bucket_of_more_objects_than_a_page_is_listed_whole(bucket: s3fs.S3FileSystem, tmp_path: Path) -> None:
    bucket.pipe({f"exports/many/{number}.json": b"[]" for number in range(1203)})
    assert len(discovery.find("s3://exports/many", tmp_path)) == 1203


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "The request signature we calculated does not match the signature you"),
        ({"AWS_ACCESS_KEY_ID": "nobody"}, "The access key ID you provided does not exist in our records"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "HOME": "/"}, "Unable to locate credentials"),
    ],
    ids=["wrong secret", "unknown key", "no key"],
)
def test_a_refused_key_gives_a_clear_error(
    environment: dict[str, str], tmp_path: Path, key: dict[str, str], reason: str
) -> None:
    given = {**environment, **key}
    ran = run_command("run", "--exports", "s3://exports/in", "--warehouse", tmp_path / "warehouse", **given)
    assert ran.status == 2
    assert ran.err.startswith(f"kili-warehouse: cannot read s3://exports/in: {reason}")
    assert "Traceback" not in ran.err
