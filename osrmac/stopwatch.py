"""Where the time of a thread goes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

__all__ = ["Stopwatch"]

T = TypeVar("T")


class Stopwatch:
    """Adds up the seconds of stages, of one thread. A stage within another counts for itself alone."""

    def __init__(self) -> None:
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._within = 0.0

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Count how long a block takes, without the stages in it."""
        started = time.perf_counter()
        outside, self._within = self._within, 0.0
        try:
            yield
        finally:
            spent = time.perf_counter() - started
            self.add(stage, spent - self._within)
            self._within = outside + spent

    def waiting(self, stage: str, items: Iterable[T]) -> Iterator[T]:
        """The same items, and how long each is waited for."""
        iterator = iter(items)
        while True:
            with self(stage):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    def add(self, stage: str, seconds: float) -> None:
        """Count what was measured elsewhere."""
        self._seconds[stage] += seconds

    def take(self) -> dict[str, float]:
        """The seconds of each stage since this was asked before."""
        taken, self._seconds = dict(self._seconds), defaultdict(float)
        return taken
