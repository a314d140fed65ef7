"""For any bytes the reader does not fail, its ledger adds up, and its rows load."""

import gzip
import io
import json
import zipfile
from pathlib import Path

import pytest
from helpers.exporting import README, REAL, Again, label, read, text, written
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from test_reader import into_duckdb
from test_round_trip import anything, jobs, responses

from pipelines.settings import Limits

FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
SMALL = Limits(max_entry_bytes=1 << 22, max_record_bytes=1 << 20)
REAL_FILES = sorted(REAL.glob("*.[jz]*"))

ids = st.sampled_from(["a1", "a2", "a3", "é/ü", "a1", "a2", "", 5, "5", 1.5, None])
dates = st.sampled_from(
    [
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.123456+05:30",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        0,
        1767225600000,
        1e30,
        "1767225600",
        "2026-01-02",
        "x",
    ]
)
fields = st.dictionaries(
    st.sampled_from(["status", "content", "jsonMetadata", "isHoneypot", "honeypotMark", "new", "id", "updatedAt"]),
    anything | dates,
    max_size=2,
) | st.sampled_from(["id", "status", "labels", "latestLabel"]).map(lambda key: {Again(key): [{}], Again(key): {}})
labels = st.builds(
    lambda answer, date, kind, more: label(answer) | more | {"createdAt": date, "labelType": kind},
    responses | jobs.map(json.dumps) | anything,
    dates,
    st.sampled_from(["DEFAULT", "REVIEW", "PREDICTION", "NEW", None]),
    fields,
)
containers = st.one_of(
    st.fixed_dictionaries({"labels": st.lists(labels | anything, max_size=3) | anything}),
    st.fixed_dictionaries({"latestLabel": labels | anything}),
    st.fixed_dictionaries({"latestLabels": st.lists(labels | st.none(), max_size=3)}),
)
assets = st.builds(lambda said, fields, asset_id: fields | said | {"id": asset_id}, containers, fields, ids)
flat_labels = st.builds(lambda said, asset_id: said | {"assetId": asset_id}, labels, ids)
exports = (
    st.lists(assets | anything, max_size=4)
    | st.lists(flat_labels, max_size=4)
    | st.lists(assets | flat_labels, max_size=3)
)


@st.composite
def packed(draw: st.DrawFn) -> tuple[str, bytes]:
    """An export of generated records in one of its layouts."""
    items = [text(item) for item in draw(exports)]
    layout = draw(st.sampled_from(["list", "lines", "gzip", "single", "each"]))
    listed = b"[" + b",".join(items) + b"]"
    if layout == "lines":
        return layout, b"\n".join(items)
    if layout in ("list", "gzip"):
        return layout, listed if layout == "list" else gzip.compress(listed)
    return layout, _zip(
        {"data.json": listed} if layout == "single" else {f"labels/{n}.json": i for n, i in enumerate(items)}
    )


def _zip(entries: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {"README.kili.txt": README.encode(), **entries}.items():
            archive.writestr(name, content)
    return file.getvalue()


@FUZZ
@given(packed())
def test_every_record_of_any_export_is_loaded_or_rejected(
    tmp_path_factory: pytest.TempPathFactory, export: tuple[str, bytes]
) -> None:
    found = read(written(tmp_path_factory.getbasetemp() / "generated", export[1]), SMALL)
    event(f"{export[0]}: {'loaded' if found.assets else 'rejected'}")
    for row in found.annotations:
        event(row["kind"])
    into_duckdb(found)


@FUZZ
@given(st.sampled_from(REAL_FILES), st.data())
def test_real_exports_with_bytes_changed_never_fail(
    tmp_path_factory: pytest.TempPathFactory, real: Path, data: st.DataObject
) -> None:
    content = bytearray(real.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "drop", "insert", "repeat"])):
            case "flip":
                content[at] = data.draw(st.integers(0, 255))
            case "cut":
                del content[max(at, 1) :]
            case "drop":
                del content[at : at + data.draw(st.integers(1, 50))]
            case "insert":
                content[at:at] = data.draw(st.binary(max_size=8))
            case "repeat":
                content[at:at] = content[at : at + 200]
        content = content or bytearray(b"x")
    into_duckdb(read(written(tmp_path_factory.getbasetemp() / "mutated", bytes(content)), SMALL))


@FUZZ
@given(st.sampled_from(REAL_FILES), st.data())
def test_the_texts_of_real_exports_changed_inside_their_archives_never_fail(
    tmp_path_factory: pytest.TempPathFactory, real: Path, data: st.DataObject
) -> None:
    if real.suffix == ".zip":
        with zipfile.ZipFile(real) as archive:
            names = [name for name in archive.namelist() if name.endswith(".json")]
            content = archive.read(names[0]) if names else b"[]"
    else:
        content = real.read_bytes()
    tokens = [
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b",",
        b":",
        b"\\",
        b"null",
        b"NaN",
        b"1e999",
        b'"\\ud800"',
        b"\xff",
        b"\0",
        b"9" * 40,
    ]
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content)))
        content = content[:at] + data.draw(st.sampled_from(tokens)) + content[at + data.draw(st.integers(0, 3)) :]
    into_duckdb(read(written(tmp_path_factory.getbasetemp() / "changed", _zip({"data.json": content})), SMALL))


@FUZZ
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_rejected(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    for prefix in (b"", b"[", b"PK\x03\x04", b"\x1f\x8b\x08"):
        read(written(tmp_path_factory.getbasetemp() / "bytes", prefix + content), SMALL)
