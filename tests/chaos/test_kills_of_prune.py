"""`osrmac prune` and `osrmac extract` are killed at random moments: no image is lost, twice there, or found again."""

import itertools
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from osrmac.commands.prune import prune
from osrmac.commands.search import search
from osrmac.config import PruneConfig, SearchConfig
from osrmac.errors import StorageError
from osrmac.runs.shard_reader import find_rows
from osrmac.storage import manifest, shards
from osrmac.storage.run import Run
from tests.committed import rows
from tests.prunable_run import IMAGES, contents, copied, interrupted, problems, prunable_run

from .conftest import Command, committed, picture

KILLS = int(os.environ.get("OSRMAC_KILLS", "32"))
FEW, REMOVED, ADDED = 60, 3, 10
"""Number of images at first, and numbers of those that are removed and added at once."""

BEGINNINGS = ("lock-report.json", "prune/", "prune.json")
"""Files of a prune whose appearance starts the time to its death: it holds its locks, plans, and has begun."""

SECONDS = 0.1
"""Longest time to its death."""


def start_prune(run: Run, names: list[str], log: Path) -> "subprocess.Popen[bytes]":
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


def _has_shards(run: Run, more_than: int) -> bool:
    return len(shards.paths(run.descriptors)) > more_than


def planned(run: Run) -> set[str]:
    return set(manifest.read_all(run.manifest, ["id"])["id"].to_pylist())


def check(run: Run, before: set[str], removing: set[str]) -> str:
    """Check the state that a killed prune has left, and that no reader gives a stale answer; return it in a word."""
    described = {name for name, row in rows(run.descriptors).items() if row["status"] == "ok"}
    kept = min(described - removing)
    try:
        found = {match.id for match in search(run.url, [kept], SearchConfig(top=len(before)))[0].matches}
    except StorageError as error:
        if "is being pruned, or a prune was interrupted" not in str(error):
            raise
        return "interrupted"
    assert planned(run) in (before, before - removing)
    if planned(run) == before:
        return "untouched"
    assert not found & removing
    return "finished"


@pytest.mark.timeout(300 + 40 * KILLS)
def test_no_image_is_lost_or_found_again_however_often_prune_and_extract_are_killed(
    command: Callable[..., Command], tmp_path: Path
) -> None:
    extraction = command(FEW, "--shard-rows", "4")
    extraction.finish()
    run, images = extraction.run, extraction.images
    rng, added, removed, states = random.Random(3), FEW, set[str](), Counter[str]()
    first = {name: row["osrmac"] for name, row in rows(run.descriptors).items()}
    for kill in itertools.count():
        # However few kills are asked for, both commands have been stopped in the middle of their work.
        if kill >= KILLS and states["interrupted"] and states["extract killed"]:
            break
        before = planned(run)
        if kill % 4 == 3:
            for _ in range(ADDED):
                (images / f"{added:04d}.png").write_bytes(picture(added))
                added += 1
            goal = len(shards.paths(run.descriptors)) + rng.randint(0, 2)
            grown = partial(_has_shards, run, goal)
            states["extract killed" if kill_after(extraction.start(), grown, rng.uniform(0, 0.2)) else "ended"] += 1
            assert before <= planned(run)
            assert not planned(run) & removed
            continue  # its workers may live on while images are removed
        names = set(rng.sample(sorted(before), REMOVED))
        process = start_prune(run, sorted(names), tmp_path / f"prune-{kill}")
        file = Path(run.url) / rng.choice(BEGINNINGS)
        kill_after(process, file.exists, rng.uniform(0, SECONDS))
        states[check(run, before, names)] += 1
        prune(run.url, PruneConfig(remove=str(tmp_path / f"prune-{kill}.txt"), yes=True))
        removed |= names
        assert planned(run) == before - names
        assert not rows(run.descriptors).keys() & removed
        assert [problem for problem in problems(run) if "is pending" not in problem] == []
    extraction.finish()
    assert {f"{number:04d}.png" for number in range(added)} - removed == set(committed(run)["id"].to_pylist())
    assert problems(run) == []
    last = rows(run.descriptors)
    assert all(row["osrmac"] == first[name] for name, row in last.items() if name in first)
    assert find_rows(removed, shards.paths(run.descriptors)) == {}
    print(f"{kill} kills: {dict(states)}; {added - FEW} images added, {len(removed)} removed")


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
    assert states["untouched"] == 3  # the parts of the journal
    assert states["interrupted"] > 20
    print(f"interrupted at {states.total()} points: {dict(states)}")
