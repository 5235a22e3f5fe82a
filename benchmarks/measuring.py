"""What the benchmarks share: pictures, options, and medians of interleaved runs."""

import argparse
import io
import json
import statistics
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
    """A JPEG with structure at every scale: noise of growing blur, added up."""
    rng = np.random.default_rng(seed)
    pixels = np.zeros((height, width, 3))
    for octave in range(2, 8):
        coarse = Image.fromarray(rng.integers(0, 256, (2**octave, 2**octave, 3), dtype=np.uint8))
        pixels += np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), dtype=float) / 6
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def files(folder: str, most: int | None = None) -> dict[str, bytes]:
    """The images of a folder by name, or so many of them, evenly spread."""
    found = sorted(path for path in Path(folder).iterdir() if path.is_file())
    spread = found if most is None else found[:: max(1, len(found) // most)][:most]
    return {path.name: path.read_bytes() for path in spread}


def interleaved(methods: Mapping[str, Callable[[], object]], rounds: int) -> Times:
    """Median seconds of each system, all of them run in turn: by the clock, and of the processor.

    On a busy machine the clock also measures the neighbours. The first round, which pays for allocations, is left out.
    """
    return medians({name: partial(seconds, run) for name, run in methods.items()}, rounds)


def medians(timers: Mapping[str, Callable[[], Seconds]], rounds: int) -> Times:
    """The same of systems that time themselves."""
    found: dict[str, list[Seconds]] = {name: [] for name in timers}
    for _ in range(rounds + 1):
        for name, timer in timers.items():
            found[name].append(timer())
    return {
        name: {
            "seconds": statistics.median(clock for clock, _ in taken[1:]),
            "processor": statistics.median(processor for _, processor in taken[1:]),
        }
        for name, taken in found.items()
    }


def seconds(run: Callable[[], object]) -> Seconds:
    """By the clock, and of the processor."""
    started = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - started[0], time.process_time() - started[1]


def ratio(times: Times, baseline: str, method: str) -> dict[str, float]:
    """How many times as fast as the baseline a system is."""
    return {measure: round(times[baseline][measure] / times[method][measure], 2) for measure in times[method]}


def rounded(times: Times) -> Times:
    return {name: {measure: round(value, 4) for measure, value in of.items()} for name, of in times.items()}


def cosine(one: Vector, other: Vector) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def show(result: Mapping[str, Any]) -> None:
    print(json.dumps(result, indent=2))
