"""Ranks of given images in the rankings of a collection that is compared block by block."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from osrmac.types import DistanceBlock, Matrix, Rank

__all__ = ["ranks"]


def ranks(blocks: Iterable[DistanceBlock], targets: Sequence[Mapping[str, float]]) -> list[dict[str, Rank]]:
    """Return for each query the ranks of its targets among all images.

    Images are tied if their distances are equal bit by bit. Memory grows with the number of targets, not with the
    collection.

    Args:
        blocks: The collection, block by block, compared with m queries.
        targets: For each of the m queries the distance of some images by id, exactly as in the blocks.
    """
    counters = [_RankCounter(distance_by_id) for distance_by_id in targets]
    for _, ids, distances in blocks:
        for counter, row in zip(counters, distances, strict=True):
            counter.add(ids, row)
    return [counter.ranks() for counter in counters]


class _RankCounter:
    """Count the images that precede each target of one query, and those at the same distance."""

    def __init__(self, targets: Mapping[str, float]) -> None:
        self._targets = sorted((distance, image) for image, distance in targets.items())
        self._distances = np.array([distance for distance, _ in self._targets], np.float32)
        # Images by the first target that is beyond them, not nearer, or that they precede.
        self._nearer, self._not_beyond, self._preceding = np.zeros((3, len(self._targets) + 1), np.int64)

    def add(self, ids: Sequence[str], distances: Matrix) -> None:
        """Count the images of a block, (n,)."""
        first_beyond = np.searchsorted(self._distances, distances, side="right")
        first_not_nearer = np.searchsorted(self._distances, distances)
        following = first_not_nearer.copy()
        for position in np.flatnonzero(first_not_nearer != first_beyond).tolist():
            following[position] = bisect_right(self._targets, (float(distances[position]), ids[position]))
        self._nearer += self._count(first_beyond)
        self._not_beyond += self._count(first_not_nearer)
        self._preceding += self._count(following)

    def _count(self, targets: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.bincount(targets, minlength=len(self._targets) + 1)

    def ranks(self) -> dict[str, Rank]:
        nearer, not_beyond, preceding = (
            np.cumsum(counts).tolist() for counts in (self._nearer, self._not_beyond, self._preceding)
        )
        return {
            image: Rank(preceding[target], nearer[target], not_beyond[target] - nearer[target])
            for target, (_, image) in enumerate(self._targets)
        }
