"""A disk that is full, which a small file system in memory really is."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from osrmac.storage.run import Run

from .conftest import Command, committed

IMAGES = 60


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """One with room for some shards."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=384k", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small file system needs the right to mount one: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.timeout(300)
def test_a_full_disk_stops_the_run_and_costs_nothing_that_was_committed(
    command: Callable[..., Command], small_disk: Path
) -> None:
    full = replace(command(IMAGES), run=Run(str(small_disk / "run")))
    printed = full.finish(status=1)
    (message,) = (line for line in printed.splitlines() if line.startswith("osrmac:"))
    assert "No space left on device" in message
    assert "run the same command again" in message
    assert "Traceback" not in printed

    before = full.decoded
    there = {file: file.stat().st_mtime_ns for file in Path(full.run.descriptors).iterdir()}
    assert 0 < len(there) < IMAGES
    assert all(file.name.startswith("part-") for file in there)
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    assert f"{IMAGES} images described, 0 failed, {IMAGES - len(there)} of them now" in full.finish()
    assert {file: file.stat().st_mtime_ns for file in there} == there
    assert full.decoded - before == IMAGES - len(there)
    committed(full.run)
