"""Extraction to a full disk; the disk is a small file system in memory."""

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
    """A file system with room for some of the shards."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=384k", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"mounting a small file system needs more privileges: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.timeout(300)
def test_a_full_disk_ends_the_command_with_one_line_and_committed_shards_stay(
    command: Callable[..., Command], small_disk: Path
) -> None:
    extraction = replace(command(IMAGES, "--shard-rows", "1"), run=Run(str(small_disk / "run")))
    output = extraction.finish(status=1)
    lines = output.splitlines()
    message = next(line for line in lines if line.startswith("osrmac: cannot write"))
    assert "No space left on device" in message
    assert "run the same command again" in message
    assert lines[-1] == message
    assert "Traceback" not in output

    decoded = extraction.decoded
    times = {file: file.stat().st_mtime_ns for file in Path(extraction.run.descriptors).iterdir()}
    assert 0 < len(times) < IMAGES
    assert all(file.name.startswith("part-") for file in times)
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    assert f"{IMAGES} images described, 0 failed, {IMAGES - len(times)} of them now" in extraction.finish()
    assert {file: file.stat().st_mtime_ns for file in times} == times
    assert extraction.decoded - decoded == IMAGES - len(times)
    committed(extraction.run)
