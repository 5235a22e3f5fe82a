"""Throughput of an extraction over all the calls that it took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

__all__ = ["Throughput"]


@dataclass(frozen=True)
class Throughput:
    """Images that were described, failed ones included, and the time that it took.

    Attributes:
        images: Number of images; one that was described again counts again.
        seconds: Wall time of the calls that described them. Calls that were interrupted record neither images nor time.
    """

    images: int = 0
    seconds: float = 0.0

    @classmethod
    def of(cls, stage: Mapping[str, Any]) -> Self:
        """Return the throughput that the record of an extraction in `run.json` holds, or an empty one.

        Its `total` covers all calls. Early versions recorded the last call only.
        """
        measured = stage.get("total", stage)
        return cls(measured.get("images", 0), measured.get("seconds", 0.0))

    def __add__(self, other: Throughput) -> Throughput:
        """Return the throughput of both, one after the other."""
        return Throughput(self.images + other.images, round(self.seconds + other.seconds, 3))
