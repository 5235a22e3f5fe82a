"""What each describing process tells Ray's dashboard, and Prometheus behind it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from ray.util.metrics import Counter

__all__ = ["Meter"]


class Meter:
    """Counters of one process; Prometheus sums them over all of them."""

    def __init__(self) -> None:
        self._images = Counter("osrmac_images", "Images whose rows are committed", ("status",))
        self._bytes = Counter("osrmac_fetched_bytes", "Encoded images that were read")
        self._seconds = Counter("osrmac_seconds", "Time of describing processes", ("stage",))

    def images(self, status: str, number: int) -> None:
        """So many rows are committed."""
        if number:  # Ray refuses to count nothing
            self._images.inc(number, {"status": status})

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count how long a block takes."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._seconds.inc(max(time.perf_counter() - started, 1e-9), {"stage": name})

    def fetched(self, contents: Iterator[bytes | Exception]) -> Iterator[bytes | Exception]:
        """The same contents, their bytes and the time that was spent waiting for them counted."""
        while True:
            with self.stage("fetch"):
                content = next(contents, None)
            if content is None:
                return
            if isinstance(content, bytes) and content:
                self._bytes.inc(len(content))
            yield content
