"""An extraction that is interrupted or terminated while it describes, and then continued by the same command."""

import os
import signal
import time
from collections.abc import Callable

import psutil
import pytest

from osrmac.storage import shards

from .conftest import Command, committed

IMAGES = 40


@pytest.mark.parametrize(
    ("number", "status", "verb"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_releases_the_run_and_stops_ray_and_the_same_command_continues(
    number: signal.Signals, status: int, verb: str, command: Callable[..., Command]
) -> None:
    extraction = command(IMAGES, "--shard-rows", "1")
    process = extraction.start()
    while not shards.paths(extraction.run.descriptors):
        assert process.poll() is None, extraction.output
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, number)
    assert process.wait(timeout=60) == status
    lines = extraction.output.splitlines()
    assert lines[-1] == f"osrmac: {verb}: run the same command again to continue"
    assert "Traceback" not in extraction.output
    assert not (extraction.run.location / "lock.json").exists()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive
    assert 0 < len(shards.paths(extraction.run.descriptors)) < IMAGES

    assert f"{IMAGES} images described, 0 failed" in extraction.finish()
    committed(extraction.run)
