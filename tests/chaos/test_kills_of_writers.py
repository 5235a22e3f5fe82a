"""Every command that writes into a run is killed at random moments, leaves whole files, and continues."""

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from osrmac.runs.integrity import check_file, other_files
from osrmac.storage import shards
from osrmac.storage.location import Location
from osrmac.storage.run import Run

from .conftest import Command, committed, picture

ROUNDS = max(1, int(os.environ.get("OSRMAC_KILLS", "32")) // 16)
"""Times that each command is killed."""

IMAGES = 60
SCORED = ("--benchmark", "groups", "--ground-truth")

pytestmark = pytest.mark.timeout(3000)


def start(run: Run, arguments: tuple[str, ...]) -> "subprocess.Popen[bytes]":
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    name, *others = arguments
    command = [sys.executable, "-m", "osrmac", name, run.url, *others, "--quiet"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)


def commands(number: int, ground_truth: str) -> list[tuple[str, ...]]:
    """The commands of a round, with results unlike those of any other round."""
    return [
        ("fit", "--features", str(8 + number), "--whitening", str(4 + number), "--retained-variance", "0.8"),
        ("evaluate", *SCORED, ground_truth, "--query-expansion", str(number)),
        ("fit-weights", *SCORED, ground_truth, "--grid", "0", f"0.{1 + number}", "1"),
        ("sweep", *SCORED, ground_truth, "--sizes", str(8 + number), "--seeds", "1"),
        ("report",),
    ]


def files(run: Run) -> list[Location]:
    return [*shards.paths(run.manifest), *shards.paths(run.descriptors), *other_files(run)]


def contents(run: Run) -> dict[str, object]:
    """The files of a run by path, without the page, which shows times."""
    below = {file.url.removeprefix(run.url): file for file in files(run) if file.name != "report.html"}
    return {path: shards.read(file) if path.endswith(".parquet") else file.read_bytes() for path, file in below.items()}


def test_commands_that_are_killed_leave_whole_files_and_continue(
    command: Callable[..., Command], tmp_path: Path
) -> None:
    extraction = command(IMAGES, "--shard-rows", "1")
    extraction.finish()
    killed, undisturbed = extraction.run, Run(str(tmp_path / "undisturbed"))
    shutil.copytree(killed.url, undisturbed.url)
    ground_truth = tmp_path / "groups.csv"
    ground_truth.write_text("id,group\n" + "".join(f"{n:04d}.png,{n // 3}\n" for n in range(IMAGES)))
    rng, seconds, kills = random.Random(1), dict[str, float](), 0
    for number in range(ROUNDS):
        for arguments in commands(number, str(ground_truth)):
            started = time.monotonic()
            assert start(undisturbed, arguments).wait() == 0
            seconds.setdefault(arguments[0], time.monotonic() - started)

            process = start(killed, arguments)
            time.sleep(rng.uniform(0.5, 1.0) * seconds[arguments[0]])
            process.kill()
            kills += process.wait() != 0
            killed.record()
            assert [problem for file in files(killed) if (problem := check_file(file))] == []

            assert start(killed, arguments).wait() == 0
    assert contents(killed) == contents(undisturbed)
    assert kills > ROUNDS
    print(f"{kills} kills of {', '.join(seconds)}")


def test_an_extraction_is_killed_while_its_collection_grows(command: Callable[..., Command], tmp_path: Path) -> None:
    extraction = command(IMAGES, "--shard-rows", "2")
    rng, images, kills = random.Random(2), IMAGES, 0
    for _ in range(2 * ROUNDS):
        goal = len(shards.paths(extraction.run.descriptors)) + rng.randint(0, 6)
        process = extraction.start()
        while process.poll() is None and len(shards.paths(extraction.run.descriptors)) < goal:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.3))
        process.kill()
        kills += process.wait() != 0
        for _ in range(rng.randint(1, 8)):
            (extraction.images / f"{images:04d}.png").write_bytes(picture(images))
            images += 1
    extraction.finish()
    rows = committed(extraction.run)
    undisturbed = Command(extraction.images, Run(str(tmp_path / "undisturbed")), tmp_path / "log", extraction.options)
    undisturbed.finish()
    assert rows.num_rows == images
    assert rows.equals(committed(undisturbed.run))
    assert kills
    print(f"{kills} kills, {images - IMAGES} images added, {extraction.decoded} decoded")
