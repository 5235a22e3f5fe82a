"""Ranks of given images in the rankings of a collection that is compared block by block."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from osrmac.types import DistanceBlock, Matrix

__all__ = ["ranks"]


def ranks(blocks: Iterable[DistanceBlock], targets: Sequence[Mapping[str, float]]) -> list[dict[str, int]]:
    """Return for each query the 0-based ranks of its targets among all images, ties ordered by id.

    Memory grows with the number of targets, not with the collection.

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
    """Count the images that precede each target of one query."""

    def __init__(self, targets: Mapping[str, float]) -> None:
        self._targets = sorted((distance, image) for image, distance in targets.items())
        self._distances = np.array([distance for distance, _ in self._targets], np.float32)
        self._counts = np.zeros(len(self._targets) + 1, np.int64)  # images between one target and the next

    def add(self, ids: Sequence[str], distances: Matrix) -> None:
        """Count the images of a block, (n,), by the first target that they precede."""
        following = np.searchsorted(self._distances, distances)
        tied = np.flatnonzero(following != np.searchsorted(self._distances, distances, side="right"))
        for position in tied.tolist():
            following[position] = bisect_right(self._targets, (float(distances[position]), ids[position]))
        self._counts += np.bincount(following, minlength=len(self._counts))

    def ranks(self) -> dict[str, int]:
        preceding = np.cumsum(self._counts)
        return {image: int(rank) for (_, image), rank in zip(self._targets, preceding, strict=False)}
