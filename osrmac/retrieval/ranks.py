"""Ranks of given images in the rankings of a collection that is compared block by block."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from osrmac.types import DistanceBlock, Matrix, Rank

__all__ = ["RankCounts", "count_ranks", "merge_ranks", "ranks"]

RankCounts = NDArray[np.int64]
"""Images of a part of a collection, counted by the first of t targets of a query that is beyond them, that is not
nearer, and that they precede, (3, t + 1). Those of several parts are added."""


def ranks(blocks: Iterable[DistanceBlock], targets: Sequence[Mapping[str, float]]) -> list[dict[str, Rank]]:
    """Return for each query the ranks of its targets among all images.

    Images are tied if their distances are equal bit by bit. Memory grows with the number of targets, not with the
    collection.

    Args:
        blocks: The collection, block by block, compared with m queries.
        targets: For each of the m queries the distance of some images by id, exactly as in the blocks.
    """
    return merge_ranks([count_ranks(blocks, targets)], targets)


def count_ranks(blocks: Iterable[DistanceBlock], targets: Sequence[Mapping[str, float]]) -> list[RankCounts]:
    """Count for each query the images of a part of a collection, for `merge_ranks`.

    Args:
        blocks: The part, block by block, compared with m queries.
        targets: For each of the m queries the distance of some images by id, which may be in other parts.
    """
    counters = [_RankCounter(distance_by_id) for distance_by_id in targets]
    for _, ids, distances in blocks:
        for counter, row in zip(counters, distances, strict=True):
            counter.add(ids, row)
    return [counter.counts for counter in counters]


def merge_ranks(parts: Iterable[Sequence[RankCounts]], targets: Sequence[Mapping[str, float]]) -> list[dict[str, Rank]]:
    """Return for each query the ranks of its targets in a collection from the counts in each part.

    Args:
        parts: Counts in each part, of m queries; at least one part.
        targets: For each of the m queries the distance of some images by id.
    """
    totals = reduce(lambda left, right: [one + other for one, other in zip(left, right, strict=True)], parts)
    return [_ranks(counts, distance_by_id) for counts, distance_by_id in zip(totals, targets, strict=True)]


def _ranks(counts: RankCounts, targets: Mapping[str, float]) -> dict[str, Rank]:
    nearer, not_beyond, preceding = np.cumsum(counts, axis=1).tolist()
    return {
        image: Rank(preceding[target], nearer[target], not_beyond[target] - nearer[target])
        for target, (_, image) in enumerate(_sorted(targets))
    }


def _sorted(targets: Mapping[str, float]) -> list[tuple[float, str]]:
    return sorted((distance, image) for image, distance in targets.items())


class _RankCounter:
    """Count the images that precede each target of one query, and those at the same distance."""

    def __init__(self, targets: Mapping[str, float]) -> None:
        self._targets = _sorted(targets)
        self._distances = np.array([distance for distance, _ in self._targets], np.float32)
        self.counts: RankCounts = np.zeros((3, len(self._targets) + 1), np.int64)

    def add(self, ids: Sequence[str], distances: Matrix) -> None:
        """Count the images of a block, (n,)."""
        first_beyond = np.searchsorted(self._distances, distances, side="right")
        first_not_nearer = np.searchsorted(self._distances, distances)
        following = first_not_nearer.copy()
        for position in np.flatnonzero(first_not_nearer != first_beyond).tolist():
            following[position] = bisect_right(self._targets, (float(distances[position]), ids[position]))
        firsts = (first_beyond, first_not_nearer, following)
        self.counts += np.stack([np.bincount(first, minlength=self.counts.shape[1]) for first in firsts])
