"""`osrmac prune` and `osrmac extract` are killed at random moments, and no image is lost, twice there, or found again."""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from osrmac.commands.prune import prune
from osrmac.commands.search import search
from osrmac.config import PruneConfig, SearchConfig
from osrmac.errors import StorageError
from osrmac.runs.shard_reader import find_rows
from osrmac.storage import shards
from osrmac.storage.run import Run
from tests.committed import rows
from tests.prunable_run import IMAGES, contents, copied, interrupted, problems, prunable_run

from .conftest import Command, committed, picture

KILLS = int(os.environ.get("OSRMAC_KILLS", "32"))
FEW, REMOVED, ADDED = 60, 3, 10
"""Number of images at first, and numbers of those that are removed and added at once."""

SECONDS = 0.6
"""Longest time from the moment when a prune holds its locks to its death; most end within it."""


def start_prune(run: Run, images: Path, names: list[str], log: Path) -> "subprocess.Popen[bytes]":
    listed = log.with_suffix(".txt")
    listed.write_text("".join(f"{name}\n" for name in names))
    command = [sys.executable, "-m", "osrmac", "prune", run.url, "--remove", str(listed), "--yes"]
    with log.open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=output)


def kill_after(process: "subprocess.Popen[bytes]", begun: Callable[[], bool], seconds: float) -> bool:
    """Kill a process some time after it has begun its work; return whether it was still running."""
    while process.poll() is None and not begun():
        time.sleep(0.002)
    time.sleep(seconds)
    process.kill()
    return process.wait() != 0


def check(run: Run, expected: set[str], removing: set[str]) -> str:
    """Check the state that a killed prune has left, and that no reader gives a stale answer; return it in a word."""
    try:
        found = set(rows(run.descriptors)) if not run.location.files("prune.json") else None
        kept = sorted(expected - removing)[0]
        matches = {match.id for match in search(run.url, [kept], SearchConfig(top=len(expected)))[0].matches}
    except StorageError as error:
        assert "is being pruned, or a prune was interrupted" in str(error)
        return "interrupted"
    assert found == matches
    assert found in (expected, expected - removing)
    return "untouched" if found == expected else "finished"


@pytest.mark.timeout(300 + 40 * KILLS)
def test_no_image_is_lost_or_found_again_however_often_prune_and_extract_are_killed(
    command: Callable[..., Command], tmp_path: Path
) -> None:
    extraction = command(FEW, "--shard-rows", "4")
    extraction.finish()
    run, images = extraction.run, extraction.images
    rng, added, removed, states = random.Random(3), FEW, set[str](), Counter[str]()
    first = {name: row["osrmac"] for name, row in rows(run.descriptors).items()}
    for kill in range(KILLS):
        present = set(rows(run.descriptors))
        if kill % 4 == 3:  # extract more images; killed, and left to the next extraction
            for _ in range(ADDED):
                (images / f"{added:04d}.png").write_bytes(picture(added))
                added += 1
            process, ahead = extraction.start(), rng.randint(0, 2)
            goal = len(shards.paths(run.descriptors)) + ahead
            died = kill_after(process, lambda goal=goal: len(shards.paths(run.descriptors)) > goal, rng.uniform(0, 0.2))  # type: ignore[misc]
            states["extract killed" if died else "extract ended"] += 1
            after = set(rows(run.descriptors))
            assert after >= present
            assert not after & removed
            continue
        names = sorted(rng.sample(sorted(present), REMOVED))
        process = start_prune(run, images, names, tmp_path / f"prune-{kill}")
        kill_after(process, lambda: bool(run.location.files("lock-report.json")), rng.uniform(0, SECONDS) ** 2)
        states[check(run, present, set(names))] += 1
        prune(run.url, PruneConfig(remove=str(tmp_path / f"prune-{kill}.txt"), yes=True))
        removed |= set(names)
        assert set(rows(run.descriptors)) == present - removed
        assert [problem for problem in problems(run) if "is pending" not in problem] == []
    extraction.finish()
    assert {f"{number:04d}.png" for number in range(added)} - removed == set(committed(run)["id"].to_pylist())
    assert problems(run) == []
    last = rows(run.descriptors)
    assert all(row["osrmac"] == first[name] for name, row in last.items() if name in first)
    assert find_rows(removed, shards.paths(run.descriptors)) == {}
    assert states["interrupted"]
    assert states["extract killed"]
    print(f"{KILLS} kills: {dict(states)}; {added - FEW} images added, {len(removed)} removed")


@pytest.mark.timeout(600)
def test_a_prune_is_finished_after_an_interruption_at_any_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With one thread, files change in the same order each time.
    monkeypatch.setattr("osrmac.storage.pruning.rows._CONCURRENT", 1)
    whole, removed = prunable_run(tmp_path / "whole"), [IMAGES[0], *IMAGES[2:4], *IMAGES[16:]]
    (tmp_path / "remove.txt").write_text("\n".join(removed))
    options = PruneConfig(remove=str(tmp_path / "remove.txt"), yes=True)
    undisturbed = copied(whole, tmp_path / "undisturbed")
    prune(undisturbed.url, options)
    states = Counter[str]()
    for steps in range(200):
        run = copied(whole, tmp_path / str(steps))
        if not interrupted(run, options, steps):
            break
        states[check(run, set(IMAGES), set(removed))] += 1
        prune(run.url, options)
        assert contents(run) == contents(undisturbed)
        assert problems(run) == []
        assert run.report.exists()
    assert states["untouched"] > 3
    assert states["interrupted"] > 20
    print(f"interrupted at {states.total()} points: {dict(states)}")
