"""Helpers of the benchmarks: synthetic images, options, extraction by command, and medians of interleaved runs."""

import argparse
import io
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from osrmac.config import DescriptorConfig

Vector = NDArray[np.float32]
Times = dict[str, dict[str, float]]
Seconds = tuple[float, float]
"""Wall-clock time and processor time."""

ROOT = Path(__file__).parents[1]


def parser(doc: str | None) -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=doc)
    options.add_argument("--threads", type=int, default=torch.get_num_threads())
    return options


def add_backbone(options: argparse.ArgumentParser, backbone: str, weights: str) -> None:
    options.add_argument("--backbone", default=backbone)
    options.add_argument("--weights", default=weights)
    options.add_argument("--layers", nargs="*", default=())


def descriptor(options: argparse.Namespace, **others: Any) -> DescriptorConfig:
    return DescriptorConfig(backbone=options.backbone, weights=options.weights, layers=tuple(options.layers), **others)


def photograph(seed: int, width: int = 1024, height: int = 768) -> bytes:
    """A JPEG with structure at every scale: the sum of noise at several resolutions."""
    rng = np.random.default_rng(seed)
    pixels = np.zeros((height, width, 3))
    for octave in range(2, 8):
        coarse = Image.fromarray(rng.integers(0, 256, (2**octave, 2**octave, 3), dtype=np.uint8))
        pixels += np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), dtype=float) / 6
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def read_images(folder: str, limit: int | None = None) -> dict[str, bytes]:
    """The files of a folder by name; with a limit, evenly spaced ones."""
    paths = sorted(path for path in Path(folder).iterdir() if path.is_file())
    chosen = paths if limit is None else paths[:: max(1, len(paths) // limit)][:limit]
    return {path.name: path.read_bytes() for path in chosen}


def extract_command(images: str, run: str, *options: str) -> list[str]:
    """The command that extracts the descriptors of a collection in a process of its own."""
    return [sys.executable, "-m", "osrmac", "extract", images, run, *options]


def extract(images: str, run: str, *options: str) -> None:
    subprocess.run(extract_command(images, run, *options), check=True, capture_output=True, cwd=ROOT)


def interleaved(methods: Mapping[str, Callable[[], object]], rounds: int) -> Times:
    """Median wall-clock and processor time of each method, in seconds, with the methods run in turn.

    On a busy machine, other processes add to the wall-clock time, but hardly to the processor time. The first round
    warms up and is not counted.
    """
    return medians({name: partial(seconds, run) for name, run in methods.items()}, rounds)


def medians(timers: Mapping[str, Callable[[], Seconds]], rounds: int) -> Times:
    """Median times of methods that measure themselves: see `interleaved`."""
    times: dict[str, list[Seconds]] = {name: [] for name in timers}
    for _ in range(rounds + 1):
        for name, timer in timers.items():
            times[name].append(timer())
    return {
        name: {
            "seconds": statistics.median(wall for wall, _ in taken[1:]),
            "processor": statistics.median(processor for _, processor in taken[1:]),
        }
        for name, taken in times.items()
    }


def seconds(run: Callable[[], object]) -> Seconds:
    """Measure the time of a call."""
    started = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - started[0], time.process_time() - started[1]


def ratio(times: Times, baseline: str, method: str) -> dict[str, float]:
    """The speed of a method relative to the baseline."""
    return {measure: round(times[baseline][measure] / times[method][measure], 2) for measure in times[method]}


def rounded(times: Times) -> Times:
    return {name: {measure: round(value, 4) for measure, value in of.items()} for name, of in times.items()}


def cosine(one: Vector, other: Vector) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def show(result: Mapping[str, Any]) -> None:
    print(json.dumps(result, indent=2))
