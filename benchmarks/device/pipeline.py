"""Extraction with Ray Data: exactly once, its rate relative to `Describer` alone, its memory, and a killed worker.

The rate of the extraction is the slope of the images in committed shards over the times of these shards; that of
`Describer` is measured in the same way, on the same files, in this process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.common import ROOT, extract_command
from benchmarks.device.clock import steady_rate
from benchmarks.device.collection import commits, exactly_once, vectors, write
from benchmarks.device.describers import load, load_weights
from benchmarks.device.memory_use import largest_by_quarter, sampled, worker
from benchmarks.device.section import Checks
from benchmarks.device.settings import LITE, Settings
from osrmac.descriptor.describer import Description
from osrmac.storage.run import Run

_RECIPE = "osrmac"


def checks(settings: Settings) -> Checks:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        photos = write(folder / "photos", settings.pick(2000, 60), settings.pick(10, 3), settings)
        run = Run(str(folder / "run"))
        yield "extraction", partial(_extract, settings, photos, run)
        yield "verify", partial(_verify, run)
        yield "Describer alone", partial(_alone, settings, photos)
        yield "killed worker", partial(_extract_with_a_kill, settings, photos / "00", Run(str(folder / "killed")))


def _command(settings: Settings, photos: Path, run: Run, precision: str) -> list[str]:
    sizes = map(str, settings.image_sizes)
    weights = "auto" if load_weights(LITE, "").source != "random:0" else "random:0"
    options = ["--backbone", LITE, "--weights", weights, "--precision", precision, "--device", settings.device]
    return extract_command(str(photos), run.url, *options, "--workers", "1", "--image-sizes", *sizes)


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    """Start a command on a Ray of its own."""
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    return subprocess.Popen(command, cwd=ROOT, env=environment)


def _ids(photos: Path) -> set[str]:
    return {str(file.relative_to(photos)) for file in photos.rglob("*.jpg")}


def _extract(settings: Settings, photos: Path, run: Run) -> dict[str, Any]:
    started = time.time()
    with sampled(settings) as samples:
        status = _start(_command(settings, photos, run, "bf16")).wait()
    seconds = time.time() - started
    committed = commits(run)
    first, last = committed[0][0], committed[-1][0]
    return {
        "exit status": status,
        **exactly_once(run, _ids(photos)),
        "images per second": round(steady_rate(committed), 2),
        "images per second from the first shard to the last": round(
            sum(rows for _, rows in committed[1:]) / (last - first), 2
        ),
        "seconds": round(seconds, 1),
        "seconds to the first shard": round(first - started, 1),
        "largest memory in each quarter, MB": largest_by_quarter(samples, first, last),
        "profile": run.record()["stages"]["extract"]["profile"],
    }


def _verify(run: Run) -> dict[str, Any]:
    command = [sys.executable, "-m", "osrmac", "verify", run.url]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return {"exit status": done.returncode, "output": (done.stdout + done.stderr).splitlines()[-3:]}


def _files(photos: Path) -> Iterator[bytes]:
    return (file.read_bytes() for file in sorted(photos.rglob("*.jpg")))


def _alone(settings: Settings, photos: Path) -> dict[str, float]:
    describer = load(settings, LITE, "bf16", recipes=(_RECIPE,))
    finished = [(time.perf_counter(), 1) for _ in zip(describer.stream(_files(photos)), range(10_000), strict=False)]
    return {"images per second": round(steady_rate(finished), 2)}


def _extract_with_a_kill(settings: Settings, photos: Path, run: Run) -> dict[str, Any]:
    """Kill the describing process in the middle, and compare all rows with `Describer` alone, in fp32."""
    started = time.time()
    command = _start(_command(settings, photos, run, "fp32"))
    killed = _kill_worker(command, run, len(_ids(photos)) // 3)
    status = command.wait()
    described = load(settings, LITE, "fp32", recipes=(_RECIPE,)).stream(_files(photos))
    expected = dict(zip(sorted(_ids(photos)), described, strict=True))
    found = vectors(run, _RECIPE)
    differences = [
        np.abs(found[name] - result.vectors[_RECIPE]).max()
        for name, result in expected.items()
        if isinstance(result, Description) and name in found
    ]
    return {
        "exit status": status,
        "images committed when the worker was killed": killed,
        **exactly_once(run, set(expected)),
        "compared": len(differences),
        "largest difference": float(f"{max(differences):.3g}"),
        "seconds": round(time.time() - started, 1),
    }


def _kill_worker(command: subprocess.Popen[bytes], run: Run, images: int) -> int | None:
    """Kill the describing process after it has committed some images; None if the command ends before that."""
    while command.poll() is None:
        committed = sum(rows for _, rows in commits(run))
        found = worker(psutil.Process(command.pid)) if committed >= images else None
        if found is not None:
            found.kill()
            return committed
        time.sleep(0.02)
    return None
