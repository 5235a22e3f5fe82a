"""What each describing process tells Ray's dashboard, and Prometheus behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

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

    def seconds(self, spent: Mapping[str, float]) -> None:
        """So much time went into each stage."""
        for stage, seconds in spent.items():
            if seconds > 0:
                self._seconds.inc(seconds, {"stage": stage})

    def counted(self, contents: Iterator[bytes | Exception]) -> Iterator[bytes | Exception]:
        """The same contents, their bytes counted."""
        for content in contents:
            if isinstance(content, bytes) and content:
                self._bytes.inc(len(content))
            yield content
