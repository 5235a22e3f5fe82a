"""Time of work on a device, and rates of a stream."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

__all__ = ["best", "burst_rate", "matrix_product", "seconds", "steady_rate", "wait"]

_SIDES = {"cpu": 512, "cuda": 8192}


def wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def seconds(run: Callable[[], object], device: str = "cpu") -> float:
    wait(device)
    started = time.perf_counter()
    run()
    wait(device)
    return time.perf_counter() - started


def best(run: Callable[[], object], device: str, rounds: int = 5) -> float:
    """Shortest time of several rounds, after one that is not counted."""
    run()
    return min(seconds(run, device) for _ in range(rounds))


def matrix_product(device: str, dtype: torch.dtype) -> float:
    """Speed of a square matrix product, in TFLOP per second."""
    side = _SIDES[device]
    square = torch.rand(side, side, device=device).to(dtype)
    return 2 * side**3 / best(lambda: square @ square, device) / 1e12


def steady_rate(finished: Sequence[tuple[float, int]]) -> float:
    """Images per second: the slope of the line that fits the number of finished images best.

    The first tenth of the images is left out.

    Args:
        finished: Time and number of images of each event, in order of time.
    """
    times = np.array([moment for moment, _ in finished])
    total = np.cumsum([number for _, number in finished])
    steady = total > total[-1] / 10
    slope, _ = np.polyfit(times[steady] - times[0], total[steady], 1)
    return float(slope)


def burst_rate(moments: Sequence[float]) -> float:
    """Images per second of a stream whose results come in bursts, from the first whole burst to the last.

    Args:
        moments: Time of each result.
    """
    times = np.array(moments)
    gaps = np.diff(times)
    starts = np.flatnonzero(gaps > gaps.max() / 2) + 1
    if len(starts) < 3 or starts[-1] - starts[0] < len(times) / 2:  # a single long pause, such as that of a compiler
        starts = np.array([0, len(times) - 1])
    first, last = starts[0], starts[-1]
    return float((last - first) / (times[last] - times[first]))
