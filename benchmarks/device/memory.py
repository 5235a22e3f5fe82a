"""Too little memory on the device: smaller batches, or failures of single images, and the next batch works.

The limit is that of torch for this process. Descriptors are those of fp32, so that they can be compared closely.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks.device.describers import load
from benchmarks.device.pictures import make
from benchmarks.device.section import Checks
from benchmarks.device.settings import Settings
from benchmarks.device.throughput import free
from osrmac.descriptor.describer import Describer, Description, Failure

_RECIPE = "osrmac"
_BATCH = 32
_SQUARE, _NARROW = (1050, 1050), (1050, 150)
"""A network needs seven times as much memory for a square image as for a narrow one."""


def checks(settings: Settings) -> Checks:
    if not settings.on_gpu:
        yield "skipped", lambda: "the memory of a CPU is not limited"
        return
    equal = make(2 * _BATCH * [settings.photograph], settings.threads)
    for compiled in (False, True):
        name = "compiled, " if compiled else ""
        yield f"{name}batches that do not fit", partial(_batches, settings, equal, compiled)
    square, narrow = (make(4 * [size], settings.threads, first_seed=100) for size in (_SQUARE, _NARROW))
    mixed = [image for pair in zip(narrow, square, strict=True) for image in pair]
    yield "images that do not fit", partial(_single, settings, mixed)
    yield "images that do not fit, by a new describer", partial(_new, settings, mixed)


def _batches(settings: Settings, images: Sequence[bytes], compiled: bool) -> dict[str, Any]:
    """Describe images with a quarter of the memory that their batches take."""
    free(settings)
    idle, peak, expected = _peak(load(settings, settings.resnet, "fp32", compiled=compiled), images)
    free(settings)
    describer = load(settings, settings.resnet, "fp32", compiled=compiled)
    with _limited(settings, idle + (peak - idle) // 4):
        limited = describer(images)
        again = describer(images)
    return {
        "MB before": idle >> 20,
        "MB at the peak": peak >> 20,
        "MB at the peak of the limit": (idle + (peak - idle) // 4) >> 20,
        "with the limit": _compared(limited, expected),
        "once more": _compared(again, expected),
        "without the limit again": _compared(describer(images), expected),
    }


def _single(settings: Settings, images: Sequence[bytes]) -> dict[str, Any]:
    """Describe narrow images, which fit, and square ones, which do not, in turn."""
    free(settings)
    limit, expected = _limit_for_narrow(settings, images)
    describer = load(settings, settings.resnet, "fp32", max_batch_size=1)
    with _limited(settings, limit):
        results = describer(images)
    return {
        "MB at the limit": limit >> 20,
        "narrow": _compared(results[::2], expected[::2]),
        "square": _compared(results[1::2], expected[1::2]),
        "without the limit again": _compared(describer(images), expected),
    }


def _new(settings: Settings, images: Sequence[bytes]) -> dict[str, Any]:
    """Do the same with a describer that is made under the limit."""
    free(settings)
    limit, expected = _limit_for_narrow(settings, images)
    with _limited(settings, limit):
        results = load(settings, settings.resnet, "fp32")(images)
    return {"narrow": _compared(results[::2], expected[::2]), "square": _compared(results[1::2], expected[1::2])}


_Results = Sequence[Description | Failure]


def _limit_for_narrow(settings: Settings, images: Sequence[bytes]) -> tuple[int, _Results]:
    """Return a limit that only narrow images stay below, and the results without a limit."""
    describer = load(settings, settings.resnet, "fp32", max_batch_size=1)
    (_, narrow, _), (_, square, _) = (_peak(describer, images[at : at + 1]) for at in (0, 1))
    expected = describer(images)
    del describer
    free(settings)
    return (narrow + square) // 2, expected


def _peak(describer: Describer, images: Sequence[bytes]) -> tuple[int, int, _Results]:
    """Return the memory that torch holds before and at the peak of a first description, in bytes, and its results."""
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    idle = torch.cuda.memory_reserved()
    results = describer(images)
    return idle, torch.cuda.max_memory_reserved(), results


@contextmanager
def _limited(settings: Settings, limit: int) -> Iterator[None]:
    """Limit the memory that torch may hold, in bytes."""
    _, total = torch.cuda.mem_get_info()
    free(settings)
    torch.cuda.set_per_process_memory_fraction(limit / total)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        free(settings)


def _compared(results: _Results, expected: _Results) -> dict[str, Any]:
    """Count the results, and compare those that are descriptors."""
    pairs = [
        (one.vectors[_RECIPE], other.vectors[_RECIPE])
        for one, other in zip(results, expected, strict=True)
        if isinstance(one, Description) and isinstance(other, Description)
    ]
    failures = [result for result in results if isinstance(result, Failure)]
    return {
        "described": len(pairs),
        "failed": len(failures),
        "first failure": f"{failures[0].stage}: {failures[0].reason}" if failures else None,
        "largest difference": float(f"{max((np.abs(one - other).max() for one, other in pairs), default=0.0):.3g}"),
    }
