"""Stopwatch for the stages of a thread's work, and the mean of durations."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self, TypeVar

__all__ = ["Durations", "Stopwatch"]

T = TypeVar("T")


class Stopwatch:
    """Accumulate the wall-clock seconds that one thread spends in each stage.

    Stages may be nested: the time of an inner stage is not counted in the outer one. Not thread-safe.
    """

    def __init__(self) -> None:
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._nested = 0.0

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Return a context manager that measures a stage."""
        start = time.perf_counter()
        nested_before, self._nested = self._nested, 0.0
        try:
            yield
        finally:
            elapsed = time.perf_counter() - start
            self.add(stage, elapsed - self._nested)
            self._nested = nested_before + elapsed

    def timed(self, stage: str, items: Iterable[T]) -> Iterator[T]:
        """Yield the items, and count the time spent waiting for each of them."""
        iterator = iter(items)
        while True:
            with self(stage):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    def add(self, stage: str, seconds: float) -> None:
        """Add seconds that were measured elsewhere."""
        self._seconds[stage] += seconds

    def take(self) -> dict[str, float]:
        """Return the seconds of each stage, and reset them."""
        taken, self._seconds = dict(self._seconds), defaultdict(float)
        return taken


@dataclass(frozen=True)
class Durations:
    """Sums over some durations, which give their mean and its standard error.

    >>> times = Durations.of([1.0, 3.0]) + Durations.of([2.0])
    >>> times.count, times.mean, round(times.standard_error, 3)
    (3, 2.0, 0.577)

    Attributes:
        count: Number of durations.
        seconds: Their sum.
        squares: Sum of their squares.
    """

    count: int = 0
    seconds: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Self:
        """Return the sums over some durations."""
        values = list(seconds)
        return cls(len(values), sum(values), sum(value * value for value in values))

    def __add__(self, other: Durations) -> Durations:
        """Return the sums over both."""
        return Durations(self.count + other.count, self.seconds + other.seconds, self.squares + other.squares)

    @property
    def mean(self) -> float:
        """Mean duration; not a number if there is none."""
        return self.seconds / self.count if self.count else math.nan

    @property
    def standard_error(self) -> float:
        """Standard error of the mean, if the durations are independent; not a number if there are less than two."""
        if self.count < 2:
            return math.nan
        variance = max(0.0, self.squares - self.count * self.mean**2) / (self.count - 1)
        return math.sqrt(variance / self.count)
