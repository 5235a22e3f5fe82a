"""Rate of `Describer.stream` in its steady state."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import cycle, pairwise
from typing import Any, cast

from benchmarks.device.clock import burst_rate
from benchmarks.device.profiling import kernels
from benchmarks.device.settings import Settings
from osrmac.descriptor.describer import Describer, Description, Failure

__all__ = ["Steady", "measure"]


@dataclass(frozen=True)
class Steady:
    """Measurements of a stream.

    Attributes:
        first: Seconds until the first result; with compilation, this is the time of the compiler.
        rate: Images per second.
        pause: Longest time between two results, in seconds; a long one is that of the compiler.
        waiting: Share of the time in which the device waits for decoded images.
        kernels: Shares of the kernels, if they were asked for; see `profiling.kernels`.
    """

    first: float
    rate: float
    pause: float
    waiting: float
    kernels: dict[str, object] | None = None

    def to_json(self) -> dict[str, object]:
        profiled = {} if self.kernels is None else {"profile": self.kernels}
        return {
            "images per second": round(self.rate, 2),
            "seconds to the first image": round(self.first, 2),
            "longest pause, seconds": round(self.pause, 3),
            "share of the time waiting for decoded images": round(self.waiting, 3),
            **profiled,
        }


def measure(
    settings: Settings, describer: Describer, images: Sequence[bytes], *, window: int = 64, profiled: bool = False
) -> Steady:
    """Describe images again and again, and measure for some seconds after two windows that warm up.

    Args:
        settings: Options of the benchmark.
        describer: Describer to measure.
        images: Files of the images.
        window: Number of consecutive images that may be finished together; at least four of them are measured.
        profiled: Whether to measure the kernels, too, in a further second.
    """
    started = time.perf_counter()
    with closing(cast("Any", describer.stream(cycle(images)))) as results:
        _take(results, lambda taken: taken >= 1)
        first = time.perf_counter() - started
        _take(results, lambda taken: taken >= settings.pick(2 * window, 2))
        describer.stopwatch.take()
        started = time.perf_counter()
        moments = _take(results, _later(settings.pick(2.5, 0.5), settings.pick(4 * window, 4)))
        waiting = describer.stopwatch.take().get("decode", 0.0) / (time.perf_counter() - started)
        shares = (
            kernels(partial(_take, results, _later(settings.pick(1.0, 0.2))), settings.device) if profiled else None
        )
    pause = max(later - earlier for earlier, later in pairwise(moments))
    return Steady(first, burst_rate(moments), pause, waiting, shares)


def _later(seconds: float, least: int = 2) -> Callable[[int], bool]:
    """Return whether a time has passed since the first call, and enough results have been taken."""
    started = time.perf_counter()
    return lambda taken: taken >= least and time.perf_counter() > started + seconds


def _take(results: Iterator[Description | Failure], enough: Callable[[int], bool]) -> list[float]:
    """Take results until there are enough; return the moment of each.

    Raises:
        RuntimeError: An image was not described.
    """
    moments: list[float] = []
    while not enough(len(moments)):
        result = next(results)
        if isinstance(result, Failure):
            raise RuntimeError(f"an image was not described: {result.reason}")
        moments.append(time.perf_counter())
    return moments
