"""Images per second of several processes that share the device, and the threads of the machine.

Threads of one process take turns at the interpreter lock; those of several processes do not.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import cycle, islice
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier

import torch

from benchmarks.device.describers import load
from benchmarks.device.pictures import equal
from benchmarks.device.section import Checks
from benchmarks.device.settings import LITE, Settings
from osrmac.descriptor.optimize import malloc

_PROCESSES = (1, 2, 4, 8)
_WARM_UP = 160

_barrier: Barrier


def checks(settings: Settings) -> Checks:
    images = equal(settings)
    for processes in _PROCESSES:
        if processes <= settings.threads:
            for backbone in (settings.resnet, LITE):
                yield f"{backbone}, {processes} processes", partial(_rate, settings, backbone, images, processes)


def _rate(settings: Settings, backbone: str, images: Sequence[bytes], processes: int) -> dict[str, float]:
    spawn = get_context("spawn")
    started, threads = time.perf_counter(), settings.threads // processes
    with ProcessPoolExecutor(processes, spawn, _start, (spawn.Barrier(processes), threads)) as pool:
        rates = [pool.submit(_describe, settings, backbone, images) for _ in range(processes)]
        total = sum(rate.result() for rate in rates)
    return {"images per second": round(total, 1), "seconds": round(time.perf_counter() - started, 1)}


def _start(barrier: Barrier, threads: int) -> None:
    global _barrier  # noqa: PLW0603
    _barrier = barrier
    malloc.retain()
    torch.set_num_threads(threads)


def _describe(settings: Settings, backbone: str, images: Sequence[bytes]) -> float:
    """Images per second of this process, while all of them work."""
    describer = load(settings, backbone, "bf16", max_batch_size=settings.pick(32, 2))
    results = describer.stream(cycle(images))
    list(islice(results, settings.pick(_WARM_UP, 4)))
    _barrier.wait(timeout=60)
    started, number = time.perf_counter(), 0
    while time.perf_counter() < started + settings.pick(4.0, 0.5):
        next(results)
        number += 1
    rate = number / (time.perf_counter() - started)
    _barrier.wait(timeout=60)  # the others are measured until here, too
    return rate
