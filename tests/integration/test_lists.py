"""Extraction of a list with bad lines."""

import os
from pathlib import Path

import pytest

from osrmac.commands.extract import extract
from osrmac.config import ComputeConfig, DescriptorConfig, FailureConfig
from osrmac.storage.run import Run
from tests.committed import rows

COMPUTE = ComputeConfig(workers=1)
TOLERANT = FailureConfig(max_failure_rate=1, attempts=1, max_bytes=50_000)

pytestmark = pytest.mark.integration


def test_every_bad_line_is_one_failed_row(photos: Path, tmp_path: Path, small: DescriptorConfig) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "large.jpg").write_bytes(bytes(50_001))
    lines = {
        "0001": f"{photos}/even/00.png",
        "1": "nope://x",
        "1e5": f"zip://missing.jpg::{photos}/none.zip",
        "True": "pipe.jpg",
        "12345678901234567890123": "/dev/zero",
        "1.10": "large.jpg",
        "null": "",
        "": "no/where.jpg",
    }
    (tmp_path / "list.csv").write_text("id,uri\n" + "".join(f"{name},{uri}\n" for name, uri in lines.items()))
    run = Run(str(tmp_path / "run"))
    done = extract(str(tmp_path / "list.csv"), run.url, small, COMPUTE, TOLERANT)
    assert (done.described, done.failed) == (1, 7)
    found = rows(run.descriptors)
    assert found.keys() == {*lines, "no/where.jpg"} - {""}
    assert found["0001"]["status"] == "ok"
    assert {row["error_stage"] for row in found.values()} == {None, "fetch"}
    assert found["True"]["error"] == "StorageError: not a regular file but a pipe"
    assert found["12345678901234567890123"]["error"] == "StorageError: not a regular file but a device"
    assert found["1.10"]["error"] == "StorageError: the file has 50001 bytes, more than --max-bytes 50000"
    assert run.reading().max_bytes == 50_000
