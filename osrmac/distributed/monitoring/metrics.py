"""Metrics of the workers for Ray's dashboard and Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ray.util.metrics import Counter

__all__ = ["WorkerMetrics"]


class WorkerMetrics:
    """Counters of one worker: images by status, bytes fetched, and seconds by stage. Prometheus adds up all workers."""

    def __init__(self) -> None:
        self._images = Counter("osrmac_images", "Images whose rows are committed", ("status",))
        self._bytes = Counter("osrmac_fetched_bytes", "Bytes of encoded images fetched")
        self._seconds = Counter("osrmac_seconds", "Seconds of worker time", ("stage",))

    def count_images(self, status: str, images: int) -> None:
        """Add committed rows of one status, `ok` or `failed`."""
        if images:  # Ray refuses to add zero
            self._images.inc(images, {"status": status})

    def count_bytes(self, contents: Iterator[bytes | Exception]) -> Iterator[bytes | Exception]:
        """Yield the contents of files unchanged, and add their sizes; errors have none."""
        for content in contents:
            if isinstance(content, bytes) and content:
                self._bytes.inc(len(content))
            yield content

    def add_seconds(self, seconds: Mapping[str, float]) -> None:
        """Add the seconds spent in each stage."""
        for stage, spent in seconds.items():
            if spent > 0:
                self._seconds.inc(spent, {"stage": stage})
