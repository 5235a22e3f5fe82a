"""An extraction whose processes are killed many times, at random moments."""

import os
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from osrmac.distributed.worker import DescribeWorker
from osrmac.storage import shards
from osrmac.storage.run import Run

from .conftest import Command, committed

KILLS = int(os.environ.get("OSRMAC_KILLS", "32"))
IMAGES = 20 * KILLS
OPTIONS = ("--shard-rows", "1")
VICTIMS = ("driver", "raylet", "worker", "writer")
"""Processes to kill; `writer` is a worker at a moment when it writes a shard."""


@pytest.mark.timeout(300 + 40 * KILLS)
def test_every_image_is_described_exactly_once_however_often_processes_are_killed(
    command: Callable[..., Command], tmp_path: Path
) -> None:
    disturbed = command(IMAGES, *OPTIONS)
    rng = random.Random(0)
    victims = list(VICTIMS) * (KILLS // len(VICTIMS))
    rng.shuffle(victims)
    restarts = 0
    process = disturbed.start()
    for victim in victims:
        while not _kill(process, disturbed, victim, rng.uniform(0.25, 0.75) * IMAGES / KILLS):
            assert len(shards.paths(disturbed.run.descriptors)) < IMAGES, "the run ended before the last kill"
            process = disturbed.start()
            restarts += 1
    if process.wait() != 0:
        disturbed.finish()
    rows = committed(disturbed.run)
    assert f"{IMAGES} images described, 0 failed" in disturbed.output

    undisturbed = Command(disturbed.images, Run(str(tmp_path / "undisturbed")), tmp_path / "log", [*OPTIONS])
    undisturbed.finish()
    assert undisturbed.decoded == IMAGES
    assert rows.equals(committed(undisturbed.run))
    assert disturbed.decoded <= 1.1 * IMAGES
    print(f"{len(victims)} kills {dict(Counter(victims))}, {restarts} restarts, {disturbed.decoded} images decoded")


def _kill(process: "subprocess.Popen[bytes]", command: Command, victim: str, shards_ahead: float) -> bool:
    """Kill a process of a run after it has committed some more shards; return False if the run ends before that."""
    goal = min(len(shards.paths(command.run.descriptors)) + shards_ahead, IMAGES - 1)
    while process.poll() is None:
        if len(shards.paths(command.run.descriptors)) >= goal:
            target = _find(process, command, victim)
            if target is not None:
                target.kill()
                if victim == "driver":
                    process.wait()
                return True
        time.sleep(0.001 if victim == "writer" else 0.02)
    return False


def _find(process: "subprocess.Popen[bytes]", command: Command, victim: str) -> psutil.Process | None:
    """Return the process to kill, or None if there is none at this moment."""
    if victim == "driver":
        return psutil.Process(process.pid)
    if victim == "writer" and not list(Path(command.run.descriptors).glob(".part-*")):
        return None
    name = "raylet" if victim == "raylet" else DescribeWorker.__name__
    try:
        children = psutil.Process(process.pid).children(recursive=True)
        return next((child for child in children if name in " ".join(child.cmdline()[:1])), None)
    except psutil.NoSuchProcess:
        return None
