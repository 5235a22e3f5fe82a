"""Where some images stand among all, from one block of a collection after another."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["ranks"]


def ranks(
    blocks: Iterable[tuple[str, Sequence[str], NDArray[np.float32]]], wanted: Sequence[Mapping[str, float]]
) -> list[dict[str, int]]:
    """How many images are nearer to each query than each of some; of equally near ones the lower id comes first.

    What is held grows with what is wanted, and not with the collection.

    Args:
        blocks: For each its name, the ids of its n images, and the queries' distances to them, float32, (m, n).
        wanted: For each of the m queries the ids of images, with the distances that the blocks say.

    Returns:
        For each query the 0-based ranks of these images.
    """
    tallies = [_Tally(of_query) for of_query in wanted]
    for _, ids, distances in blocks:
        for tally, row in zip(tallies, distances, strict=True):
            tally.add(ids, row)
    return [tally.ranks() for tally in tallies]


class _Tally:
    """Counts the images before each of those wanted for one query."""

    def __init__(self, wanted: Mapping[str, float]) -> None:
        self._wanted = sorted((distance, image) for image, distance in wanted.items())
        self._marks = np.array([distance for distance, _ in self._wanted], np.float32)
        self._counts = np.zeros(len(self._wanted) + 1, np.int64)

    def add(self, ids: Sequence[str], distances: NDArray[np.float32]) -> None:
        """Count images by how many of those wanted they do not stand before."""
        behind = np.searchsorted(self._marks, distances)
        tied = np.flatnonzero(behind != np.searchsorted(self._marks, distances, side="right"))
        for place in tied.tolist():
            behind[place] = bisect_right(self._wanted, (float(distances[place]), ids[place]))
        self._counts += np.bincount(behind, minlength=len(self._counts))

    def ranks(self) -> dict[str, int]:
        before = np.cumsum(self._counts)
        return {image: int(rank) for (_, image), rank in zip(self._wanted, before, strict=False)}
