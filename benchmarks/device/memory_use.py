"""Memory in use on the device, sampled while other processes work."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Event, Thread

import psutil

from benchmarks.device.settings import Settings

__all__ = ["Samples", "largest_by_quarter", "sampled", "worker"]

Samples = list[tuple[float, float]]
"""Moments, as `time.time`, and MB."""

_INTERVAL = 0.5
_QUERY = ("nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits")


@contextmanager
def sampled(settings: Settings) -> Iterator[Samples]:
    """Sample the memory of the GPU, or on a CPU the resident memory of the describing process, within a block."""
    samples: Samples = []
    ended = Event()
    use: Callable[[], float | None] = _on_gpu if settings.on_gpu else _of_worker

    def sample() -> None:
        while not ended.wait(_INTERVAL):
            used = use()
            if used is not None:
                samples.append((time.time(), used))

    thread = Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        ended.set()
        thread.join()


def _on_gpu() -> float | None:
    with suppress(OSError, subprocess.SubprocessError, ValueError):
        return float(subprocess.run(_QUERY, capture_output=True, text=True, check=True).stdout.split()[0])
    return None


def _of_worker() -> float | None:
    process = worker(psutil.Process())
    with suppress(psutil.NoSuchProcess):
        return None if process is None else process.memory_info().rss / 1e6
    return None


def worker(parent: psutil.Process) -> psutil.Process | None:
    """Return the describing process among the descendants of a process, if there is one at this moment."""
    with suppress(psutil.NoSuchProcess):
        for child in parent.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if "DescribeWorker" in " ".join(child.cmdline()[:1]):
                    return child
    return None


def largest_by_quarter(samples: Samples, start: float, end: float) -> list[int]:
    """Return the largest sample of each quarter of a time, in MB; a quarter without samples is left out."""
    length = (end - start) / 4
    quarters: Sequence[list[float]] = [
        [used for moment, used in samples if start + number * length <= moment <= start + (number + 1) * length]
        for number in range(4)
    ]
    return [round(max(quarter)) for quarter in quarters if quarter]
