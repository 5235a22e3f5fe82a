"""`osrmac index` is killed at random moments: whatever its index names is whole, and nothing of it is stale."""

import itertools
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import faiss
import numpy as np
import psutil
import pytest

from osrmac.commands import index as command
from osrmac.commands.index import index
from osrmac.commands.prune import prune
from osrmac.commands.verify import verify
from osrmac.config import IndexConfig, PruneConfig
from osrmac.reduction.base import Selection
from osrmac.runs.index.source import IndexSource
from osrmac.runs.index.stored import load_index, to_keys
from osrmac.runs.reductions.stored import load_reductions, write_reduction
from osrmac.storage import manifest, shards
from osrmac.storage.run import Run
from osrmac.types import Matrix
from tests.indexes import add_images, change_images, generations, indexed_rows, lists_of, rows_of
from tests.tiny_run import tiny_run

KILLS = int(os.environ.get("OSRMAC_KILLS", "32"))
NAME, DIMENSION = "osrmac-pfa-16", 16
SHARDS, ROWS = 24, 20
"""Number of shards at first, and of images in each."""

PART_BYTES = 2 * ROWS * 4 * DIMENSION
"""Vectors of two shards become a part."""

SCRIPT = f"""
from osrmac.cli import main
from osrmac.commands import index
index._PART_BYTES = {PART_BYTES}
main()
"""

VICTIMS = ("driver", "driver", "worker", "raylet")
BEGINNINGS = ("lock-index.json", "reduced/", "part")
"""What starts the time to a death: the lock, the first new reduced shard, the first new file of the index."""

SECONDS = 0.3
"""Longest time to a death."""


def vectors(first: int, number: int) -> dict[str, Matrix]:
    rng = np.random.default_rng(first)
    drawn = np.abs(rng.normal(size=(number, 2 * DIMENSION))).astype(np.float32)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    return {f"{first + row:05d}.png": vector for row, vector in enumerate(drawn)}


def run_with_reduction(folder: Path) -> Run:
    run = tiny_run(folder / "run", {"osrmac": vectors(0, SHARDS * ROWS)}, rows_per_shard=ROWS)
    selection = Selection(
        name=NAME,
        method="pfa",
        recipe="osrmac",
        features_in=2 * DIMENSION,
        seed=0,
        samples=SHARDS * ROWS,
        fitted_on="photos",
        fingerprint=run.identity().fingerprint,
        indices=tuple(range(DIMENSION)),
    )
    write_reduction(run, selection)
    run.set_search_method("osrmac", NAME)
    return run


def start(run: Run, *options: str) -> "subprocess.Popen[bytes]":
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    log = Path(run.url).with_name("output")
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-c", SCRIPT, "index", run.url, *options], stdout=output, stderr=output, env=environment
        )


def files(run: Run) -> set[Path]:
    below = Path(run.url)
    return {*below.glob("lock-index.json"), *below.glob("reduced/*/*"), *below.glob("index/*/*")}


def kill(process: "subprocess.Popen[bytes]", run: Run, victim: str, beginning: str, seconds: float) -> bool:
    """Kill a process of a command some time after it has begun something; return whether there was one to kill."""
    before = files(run)
    while process.poll() is None and not any(beginning in str(file) for file in files(run) - before):
        time.sleep(0.002)
    deadline = time.monotonic() + seconds
    while process.poll() is None:
        target = find(process, victim)
        if target is not None and time.monotonic() > deadline:
            target.kill()
            process.wait()
            return True
        time.sleep(0.002)
    return False


def find(process: "subprocess.Popen[bytes]", victim: str) -> psutil.Process | None:
    """Return the process to kill, or None if there is none at this moment."""
    try:
        driver = psutil.Process(process.pid)
        if victim == "driver":
            return driver
        name = "raylet" if victim == "raylet" else "ray::_"
        return next((each for each in driver.children(recursive=True) if name in " ".join(each.cmdline()[:1])), None)
    except psutil.NoSuchProcess:
        return None


def check(run: Run, history: dict[tuple[str, int], Matrix]) -> int:
    """Check that the index has exactly the vectors that its shards had; return the number of shards it covers."""
    found = load_index(run, NAME)
    if found is None:
        return 0
    rows = indexed_rows(run, NAME)
    assert {key: len(indexed) for key, indexed in rows.items()} == {key: len(history[key]) for key in rows}
    for part in found.parts:
        lists = lists_of(run.index(NAME) / part.file)
        by_key: dict[int, Matrix] = {}
        for shard in part.shards:
            known = history[shard.shard, shard.generation]
            if found.space == "cosine":
                known = known / np.linalg.norm(known, axis=1, keepdims=True)
            by_key |= dict(zip(to_keys(shard.number, shard.rows).tolist(), known, strict=True))
        for cell in range(lists.nlist):
            size = lists.list_size(cell)
            if size:
                keys = faiss.rev_swig_ptr(lists.get_ids(cell), size)
                codes = faiss.rev_swig_ptr(lists.get_codes(cell), size * 4 * DIMENSION).view(np.float32)
                expected = np.array([by_key[key] for key in keys.tolist()])
                np.testing.assert_allclose(codes.reshape(size, -1), expected, rtol=1e-6)
    return len(found.current(generations(run)))


def remember(run: Run, history: dict[tuple[str, int], Matrix]) -> None:
    """Keep the vectors of all shards by name and generation."""
    for shard in shards.paths(run.descriptors):
        key = shard.name, shards.generation(shard)
        if key not in history:
            history[key] = shards.read_vectors([shard], "osrmac").values[:, :DIMENSION]


def digests(run: Run) -> list[object]:
    """What an index is made of."""
    found = load_index(run, NAME)
    assert found is not None
    return [found.quantizer_digest, *((part.digest, part.shards) for part in found.parts)]


@pytest.mark.timeout(300 + 60 * KILLS)
def test_an_index_is_whole_however_often_its_building_is_killed(
    tmp_path: Path, local_ray: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_PART_BYTES", PART_BYTES)
    run, rng, states = run_with_reduction(tmp_path), random.Random(5), Counter[str]()
    history: dict[tuple[str, int], Matrix] = {}
    distances, images, kills = itertools.cycle(("cosine", "l2")), SHARDS * ROWS, 0
    while kills < KILLS:
        remember(run, history)
        covered = check(run, history)
        options = ("--distance", next(distances)) if kills % 4 == 3 else ()
        process = start(run, *options)
        victim = VICTIMS[kills % len(VICTIMS)]
        killed = kill(process, run, victim, rng.choice(BEGINNINGS), rng.uniform(0, SECONDS))
        kills += killed
        now = check(run, history)
        state = "finished" if now == len(generations(run)) else "unfinished"
        states[f"{victim} killed: {state}" if killed else "ended before"] += 1
        assert now >= covered
        assert process.returncode in ((0,) if not killed else (0, 1, -9)), Path(run.url).with_name("output").read_text()
        if rng.random() < 0.5:
            add_images(run, vectors(images, ROWS), ROWS)
            images += ROWS
        for shard in rng.sample(sorted(generations(run)), 2 if rng.random() < 0.7 else 0):
            change_images(run, shard, seed=kills)
    remember(run, history)
    index(run.url)
    assert check(run, history) == len(generations(run))
    assert {file.name for file in Path(run.index(NAME)).iterdir()} == {"index.json", *named(run)}
    assert list(verify(run.url)) == []

    undisturbed = Run(str(shutil.copytree(run.url, tmp_path / "undisturbed")))
    shutil.rmtree(undisturbed.index(NAME))
    rebuilt = IndexConfig(distance="l2", rebuild=True)
    for each in (run, undisturbed):
        index(each.url, rebuilt)
        assert indexed_rows(each, NAME) == rows_of(IndexSource.of(each, load_reductions(each)[0], "l2"))
    assert digests(run) == digests(undisturbed)

    (tmp_path / "remove.txt").write_text("00003.png\n")
    (removed,) = [
        row["shard"] for row in manifest.read_all(run.manifest, ["id", "shard"]).to_pylist() if row["id"] == "00003.png"
    ]
    prune(run.url, PruneConfig(remove=str(tmp_path / "remove.txt"), yes=True))
    assert check(run, history) == len(generations(run)) - 1
    assert removed not in {shard for shard, _ in indexed_rows(run, NAME)}
    print(f"{kills} kills {dict(states)}; {len(history)} shards and generations, {images} images")


def named(run: Run) -> set[str]:
    found = load_index(run, NAME)
    assert found is not None
    return found.files
