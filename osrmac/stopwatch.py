"""Stopwatch for the stages of a thread's work."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

__all__ = ["Stopwatch"]

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
